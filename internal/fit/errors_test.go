package fit

import (
	"math"
	"testing"
)

// Worked by hand.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name             string
		truth, predicted []float64
		want             Errors
	}{
		{"three points", []float64{10, 20, 40}, []float64{11, 18, 44}, Errors{
			// Errors 1, -2, 4; relative .1, .1, .1. The mean is 70/3, about which
			// squares are 1600/9 + 100/9 + 2500/9.
			Points: 3, MAE: 7.0 / 3, RMSE: math.Sqrt(7), Bias: 1, RelativeBias: 3.0 / 70,
			MAPE: 0.1, WMAPE: 0.1, P95: 0.1, R2: 1 - 21/(4200.0/9), Range: 0.1,
		}},
		{"a truth of 0", []float64{0, 10, 10, 20}, []float64{5, 10, 9, 10}, Errors{
			// Errors 5, 0, -1, -10; relative of three 0, .1, .5: 95 % lies 0.9 of
			// the way from the second to the third.
			Points: 4, Zeros: 1, MAE: 4, RMSE: math.Sqrt(126.0 / 4), Bias: -1.5, RelativeBias: -0.15,
			MAPE: 0.2, WMAPE: 0.4, P95: 0.46, R2: 1 - 126.0/200, Range: 5.0/20 - 1,
		}},
		{"always the same", []float64{4, 8}, []float64{6, 6}, Errors{
			Points: 2, MAE: 2, RMSE: 2, MAPE: 0.375, WMAPE: 1.0 / 3, P95: 0.25 + 0.95*0.25, R2: 0, Range: -1,
		}},
		{"one point", []float64{8}, []float64{6}, Errors{
			Points: 1, MAE: 2, RMSE: 2, Bias: -2, RelativeBias: -0.25, MAPE: 0.25, WMAPE: 0.25, P95: 0.25, R2: nan, Range: nan,
		}},
		{"nothing but 0", []float64{0, 0}, []float64{1, -1}, Errors{
			Points: 2, Zeros: 2, MAE: 1, RMSE: 1, RelativeBias: nan, MAPE: nan, WMAPE: nan, P95: nan, R2: nan, Range: nan,
		}},
		{"right", []float64{1, 3}, []float64{1, 3}, Errors{Points: 2, R2: 1}},
	} {
		got, err := Judge(c.truth, c.predicted)
		if err != nil || got.Points != c.want.Points || got.Zeros != c.want.Zeros {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		for _, v := range []struct {
			what      string
			got, want float64
		}{
			{"MAE", got.MAE, c.want.MAE}, {"RMSE", got.RMSE, c.want.RMSE}, {"bias", got.Bias, c.want.Bias},
			{"relative bias", got.RelativeBias, c.want.RelativeBias}, {"MAPE", got.MAPE, c.want.MAPE},
			{"wMAPE", got.WMAPE, c.want.WMAPE}, {"P95", got.P95, c.want.P95}, {"R2", got.R2, c.want.R2}, {"range", got.Range, c.want.Range},
		} {
			if !near(v.got, v.want) && math.Abs(v.got-v.want) > 1e-15 {
				t.Errorf("%s: %s is %v, want %v", c.name, v.what, v.got, v.want)
			}
		}
	}
}

func TestJudgeRefuses(t *testing.T) {
	_, err := Judge([]float64{1}, nil)
	wants(t, err, ErrInput, "1 truths and 0 predictions")
	_, err = Judge([]float64{1}, []float64{nan})
	wants(t, err, ErrInput, "prediction[0] is NaN")
	_, err = Judge([]float64{math.Inf(1)}, []float64{1})
	wants(t, err, ErrInput, "truth[0] is +Inf")
	_, err = Judge(nil, nil)
	wants(t, err, ErrTooFew, "nothing to judge")
}

// What does not depend on units does not change with them, the rest follows.
func TestJudgeUnits(t *testing.T) {
	r := seeded(10)
	for range 200 {
		var truth, predicted, milli, kilo []float64
		for range 2 + r.IntN(20) {
			truth, predicted = append(truth, 100*r.Float64()), append(predicted, 100*r.Float64())
		}
		for i := range truth {
			milli, kilo = append(milli, 1000*truth[i]), append(kilo, 1000*predicted[i])
		}
		a, _ := Judge(truth, predicted)
		b, _ := Judge(milli, kilo)
		for _, v := range [][2]float64{{1000 * a.MAE, b.MAE}, {1000 * a.RMSE, b.RMSE}, {a.MAPE, b.MAPE}, {a.WMAPE, b.WMAPE}, {a.P95, b.P95}} {
			if !near(v[0], v[1]) {
				t.Fatalf("%+v in units of a thousandth is %+v", a, b)
			}
		}
		if math.Abs(a.Bias) > a.MAE || a.MAE > a.RMSE || math.Abs(a.RelativeBias) > a.WMAPE {
			t.Fatalf("%+v", a)
		}
	}
}
