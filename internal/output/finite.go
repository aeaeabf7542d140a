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
	if path, x, found := nonFinite(reflect.ValueOf(v)); found {
		return fmt.Errorf("the result's field %s is %v, which is not a number a result may hold: "+
			"please report this as a fault of energyprobe", strings.TrimPrefix(path, "."), x)
	}
	return nil
}

// nonFinite looks into v. The path is put together on the way back from what
// was found: a result may hold a thousand processes and hardly ever a fault.
func nonFinite(v reflect.Value) (path string, x float64, found bool) {
	switch v.Kind() {
	case reflect.Float64, reflect.Float32:
		x = v.Float()
		return "", x, math.IsNaN(x) || math.IsInf(x, 0)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "", 0, false
		}
		if s, ok := v.Interface().(*report.Series); ok {
			return nonFiniteSample(s)
		}
		return nonFinite(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if path, x, found = nonFinite(v.Index(i)); found {
				return "[" + strconv.Itoa(i) + "]" + path, x, true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if path, x, found = nonFinite(it.Value()); found {
				return fmt.Sprintf(".%v", it.Key()) + path, x, true
			}
		}
	case reflect.Struct:
		return nonFiniteField(v)
	}
	return "", 0, false
}

func nonFiniteField(v reflect.Value) (path string, x float64, found bool) {
	for i := range v.NumField() {
		if !v.Field(i).CanInterface() {
			continue // not exported
		}
		if path, x, found = nonFinite(v.Field(i)); !found {
			continue
		}
		if f := v.Type().Field(i); !f.Anonymous {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			path = "." + name + path
		}
		return path, x, true
	}
	return "", 0, false
}

// nonFiniteSample looks at a series, in which NaN means that a domain was not
// read.
func nonFiniteSample(s *report.Series) (path string, x float64, found bool) {
	for i := range s.Len() {
		t, energyJ := s.At(i)
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return fmt.Sprintf("[%d].t_s", i), t, true
		}
		for k, j := range energyJ {
			if math.IsInf(j, 0) {
				return fmt.Sprintf("[%d].energy_j.%s", i, s.Domains()[k]), j, true
			}
		}
		for k, j := range s.SplitAt(i) {
			if math.IsInf(j, 0) {
				return fmt.Sprintf("[%d].split_j.%s", i, s.Domains()[k/report.SplitLines]), j, true
			}
		}
	}
	return "", 0, false
}
