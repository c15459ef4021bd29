"""Regression: how far diabetes has progressed a year after the measurements (gradient-boosted trees of scikit-learn)."""

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

import common

MODEL_ID = "diabetes"
SEED = 17

# In the order of the data set's columns: age, sex, bmi, bp, s1 to s6.
FEATURES = [
    {"name": "age", "type": "number", "min": 0, "max": 120, "description": "years"},
    {"name": "sex", "type": "integer", "enum": [1, 2], "description": "as coded in the data set, which does not say which is which"},
    {"name": "bmi", "type": "number", "min": 10, "max": 80, "description": "body mass index"},
    {"name": "blood_pressure", "type": "number", "min": 30, "max": 200, "description": "average blood pressure"},
    {"name": "total_cholesterol", "type": "number", "min": 50, "max": 500, "description": "serum cholesterol (s1)"},
    {"name": "ldl", "type": "number", "min": 10, "max": 400, "description": "low-density lipoproteins (s2)"},
    {"name": "hdl", "type": "number", "min": 5, "max": 200, "description": "high-density lipoproteins (s3)"},
    {"name": "cholesterol_ratio", "type": "number", "min": 1, "max": 20, "description": "total cholesterol / HDL (s4)"},
    {"name": "log_triglycerides", "type": "number", "min": 1, "max": 10, "description": "possibly the log of serum triglycerides (s5)"},
    {"name": "blood_sugar", "type": "number", "min": 20, "max": 400, "description": "blood sugar level (s6)"},
]


def main():
    table, target = load_diabetes(return_X_y=True, scaled=False)
    # scikit-learn's trees see single-precision numbers: so does the library that answers here, and the graph.
    table = table.astype(np.float32).astype(np.float64)
    train, test, train_target, test_target = train_test_split(table, target, test_size=0.2, random_state=SEED)
    model = GradientBoostingRegressor(n_estimators=40, max_depth=3, learning_rate=0.1, subsample=0.8, random_state=SEED)
    model.fit(train, train_target)
    r2 = r2_score(test_target, model.predict(test))
    print("R2", round(r2, 3))

    graph = to_onnx(
        model,
        name=MODEL_ID,
        initial_types=[("float_input", FloatTensorType([None, len(FEATURES)]))],
        target_opset=common.TARGET_OPSET,
    )
    loss = common.measure_loss(graph, {"float_input": table.astype(np.float32)}, model.predict(table), "variable")
    tolerance = common.tolerance_for(loss)
    rows = answered(model, test)
    held_out, golden = rows[: common.HELD_OUT_ROWS], rows[common.HELD_OUT_ROWS :][:4]
    manifest = {
        "description": f"Disease progression one year after the measurements (R2 {r2:.2f} on held-out rows)",
        "runtime": "onnx",
        "features": FEATURES,
        "examples": [{**row, "tolerance": tolerance} for row in golden],
    }
    comments = [
        "inputs, prediction and confidence are left out: one numeric input takes the features in this order, and a",
        "regression answers {value}.",
        "The exporter's loss, the largest |onnxruntime - training library| by the tolerance rule,",
        f"over the {len(table)} rows of the data set: {loss:.2e}.",
    ]
    common.write_version(MODEL_ID, "1", graph, manifest, comments)
    common.write_explain_file(MODEL_ID, "1", model, graph)
    common.write_aliases(MODEL_ID, {"production": "1"})
    common.write_held_out(MODEL_ID, {"1": {"tolerance": tolerance, "rows": held_out}})
    common.write_request(MODEL_ID, {"model_id": MODEL_ID, "features": features_of(test[50])})


def features_of(row):
    """The shortest decimal number that is this row's single-precision number: 4.8598, not 4.859799861907959."""
    return {feature["name"]: common.to_json(float(str(np.float32(cell)))) for feature, cell in zip(FEATURES, row)}


def answered(model, rows):
    return [
        {"features": features_of(row), "prediction": {"value": float(value)}} for row, value in zip(rows, model.predict(rows))
    ]


if __name__ == "__main__":
    main()
