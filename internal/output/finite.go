package output

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// checkFinite returns an error that names, as JSON spells it, the first field
// of v that is NaN or infinite. JSON can't express either, and in any format
// they would mean that a division went wrong, not that a value is unknown.
func checkFinite(v any) error {
	if path, x, found := nonFinite(reflect.ValueOf(v), ""); found {
		return fmt.Errorf("the result's field %s is %v, which is not a number a result may hold: "+
			"please report this as a fault of energyprobe", strings.TrimPrefix(path, "."), x)
	}
	return nil
}

func nonFinite(v reflect.Value, path string) (where string, x float64, found bool) {
	switch v.Kind() {
	case reflect.Float64, reflect.Float32:
		x = v.Float()
		return path, x, math.IsNaN(x) || math.IsInf(x, 0)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "", 0, false
		}
		if s, ok := v.Interface().(*report.Series); ok {
			return nonFiniteSample(s, path)
		}
		return nonFinite(v.Elem(), path)
	case reflect.Slice:
		for i := range v.Len() {
			if where, x, found = nonFinite(v.Index(i), path+"["+strconv.Itoa(i)+"]"); found {
				return where, x, true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if where, x, found = nonFinite(it.Value(), fmt.Sprintf("%s.%v", path, it.Key())); found {
				return where, x, true
			}
		}
	case reflect.Struct:
		return nonFiniteField(v, path)
	}
	return "", 0, false
}

func nonFiniteField(v reflect.Value, path string) (where string, x float64, found bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		p := path
		if !f.Anonymous {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			p += "." + name
		}
		if where, x, found = nonFinite(v.Field(i), p); found {
			return where, x, true
		}
	}
	return "", 0, false
}

// nonFiniteSample looks at a series, in which NaN means that a domain was not
// read.
func nonFiniteSample(s *report.Series, path string) (where string, x float64, found bool) {
	for i := range s.Len() {
		t, energyJ := s.At(i)
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return fmt.Sprintf("%s[%d].t_s", path, i), t, true
		}
		for k, j := range energyJ {
			if math.IsInf(j, 0) {
				return fmt.Sprintf("%s[%d].energy_j.%s", path, i, s.Domains()[k]), j, true
			}
		}
		for k, j := range s.SplitAt(i) {
			if math.IsInf(j, 0) {
				return fmt.Sprintf("%s[%d].split_j.%s", path, i, s.Domains()[k/report.SplitLines]), j, true
			}
		}
	}
	return "", 0, false
}
