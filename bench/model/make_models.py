"""Makes bench/models and bench/rows: the models that are measured, 64 different rows, and the answers they must get.

breast_cancer is XGBoost (100 trees of depth 6) on scikit-learn's breast-cancer data, 30 numbers a row. The other three take the same rows
and are there for what a run costs, not for what they predict: a recurrent layer in a Loop, so that a small file computes for as long
as wanted, in any runtime. Expected answers never come from onnxruntime: XGBoost's own for the first, float64 numpy for the others.

    python bench/model/make_models.py
"""

import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
import yaml
from onnx import TensorProto, checker, helper, numpy_helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

BENCH = Path(__file__).resolve().parent.parent
SEED = 17
ROWS = 64
WIDTH = 128
# Iterations of the loop, found by trial on one core of 2026: about 50 microseconds and 50 ms for a row alone, and 1 ms a row among the 64
# of a batch, which is what a server that joins requests pays under load (a row alone takes it 3 ms).
LOOPS = {"fast_fifty_us": 15, "about_one_ms": 1250, "slow_fifty_ms": 20_000}


def main():
    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    train, test, labels, _ = train_test_split(data.data, data.target, test_size=0.2, random_state=SEED, stratify=data.target)
    rows = test[:ROWS]
    expected = {"breast_cancer": make_trees(names, train, labels, rows)}
    for model_id, iterations in LOOPS.items():
        expected[model_id] = make_loop(model_id, names, iterations, train, rows)
    write_rows(names, rows, expected)


def make_trees(names, train, labels, rows):
    model = XGBClassifier(n_estimators=100, max_depth=6, random_state=SEED, n_jobs=1)
    model.fit(train.astype(np.float32), labels)
    graph = convert_xgboost(
        model, name="breast_cancer", initial_types=[("float_input", FloatTensorType([None, len(names)]))], target_opset=15
    )
    # Class 0 is malignant, class 1 benign.
    expected = model.predict_proba(rows.astype(np.float32))[:, 0].astype(np.float64)
    manifest = {
        "description": "Probability that a tumour is malignant (breast-cancer data, XGBoost, 100 trees of depth 6)",
        "classes": ["malignant", "benign"],
        "prediction": {"probability": "probabilities[0]"},
        "confidence": "math.greatest(probabilities)",
    }
    write_model("breast_cancer", graph, names, manifest, rows, expected)
    return expected


def make_loop(model_id, names, iterations, train, rows):
    """h = tanh(h W + x U), `iterations` times from x U; the answer is sigmoid(h v). W is a contraction, so errors do not grow."""
    random = np.random.default_rng(SEED)
    weights = random.normal(size=(WIDTH, WIDTH))
    weights = (0.6 * weights / np.linalg.norm(weights, 2)).astype(np.float32)
    inputs = (random.normal(size=(len(names), WIDTH)) / np.sqrt(len(names))).astype(np.float32)
    readout = random.normal(size=(WIDTH, 1)).astype(np.float32)
    mean, scale = train.mean(axis=0).astype(np.float32), train.std(axis=0).astype(np.float32)

    start = ((rows.astype(np.float32).astype(np.float64) - mean) / scale) @ inputs.astype(np.float64)
    state = start
    for _ in range(iterations):
        state = np.tanh(state @ weights.astype(np.float64) + start)
    expected = (1 / (1 + np.exp(-(state @ readout.astype(np.float64)))))[:, 0]

    constants = {"mean": mean, "scale": scale, "U": inputs, "W": weights, "v": readout}
    constants |= {"iterations": np.array(iterations, np.int64), "go_on": np.array(True)}
    manifest = {
        "description": f"Costs what its name says: a recurrent layer of {WIDTH}, {iterations} times",
        "prediction": {"probability": "output"},
        "confidence": "math.greatest([output, 1.0 - output])",
    }
    write_model(model_id, loop_graph(model_id, len(names), constants), names, manifest, rows, expected)
    return expected


def loop_graph(name, features, constants):
    f, n = TensorProto.FLOAT, helper.make_node
    body = helper.make_graph(
        [
            n("MatMul", ["h_in", "W"], ["hW"]),
            n("Add", ["hW", "start"], ["sum"]),
            n("Tanh", ["sum"], ["h_out"]),
            n("Identity", ["go_on_in"], ["go_on_out"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h_in", f, [None, WIDTH]),
        ],
        [
            helper.make_tensor_value_info("go_on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h_out", f, [None, WIDTH]),
        ],
    )
    graph = helper.make_graph(
        [
            n("Sub", ["input", "mean"], ["centred"]),
            n("Div", ["centred", "scale"], ["scaled"]),
            n("MatMul", ["scaled", "U"], ["start"]),
            n("Loop", ["iterations", "go_on", "start"], ["last"], body=body),
            n("MatMul", ["last", "v"], ["logit"]),
            n("Sigmoid", ["logit"], ["output"]),
        ],
        name,
        [helper.make_tensor_value_info("input", f, [None, features])],
        [helper.make_tensor_value_info("output", f, [None, 1])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model


def write_model(model_id, graph, names, manifest, rows, expected):
    folder = BENCH / "models" / model_id / "1"
    folder.mkdir(parents=True, exist_ok=True)
    content = graph.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    loss, cost_us, joined_us = try_out(content, rows, expected)
    tolerance = float(f"{1e-6 + loss:.2e}")
    examples = [
        {"features": features_of(names, row), "prediction": {"probability": float(p)}, "tolerance": tolerance}
        for row, p in zip(rows[:3], expected)
    ]
    lines = [f"# Largest |onnxruntime - expected|: {loss:.2e}. Made by bench/model/make_models.py"]
    lines += [flow({"description": manifest["description"]})[1:-1], "runtime: onnx", "features:"]
    lines += [f"  - {flow({'name': name, 'type': 'number'})}" for name in names]
    lines += [f"{key}: {flow(manifest[key])}" for key in ("classes", "prediction", "confidence") if key in manifest]
    lines += ["examples:", *[f"  - {flow(example)}" for example in examples]]
    (folder / "model.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{model_id}: {len(content)} bytes, {cost_us:.1f} us a run of one row, {joined_us:.1f} us a row of {len(rows)}, loss {loss:.1e}, answers {expected[:4]}")


def try_out(content, rows, expected):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    single = [row[None].astype(np.float32) for row in rows]
    name, output = session.get_inputs()[0].name, session.get_outputs()[-1].name
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        answers = [session.run([output], {name: row})[0][0, 0] for row in single]
        best = min(best, time.perf_counter() - began)
    began = time.perf_counter()
    together = session.run([output], {name: rows.astype(np.float32)})[0][:, 0]
    joined = time.perf_counter() - began
    loss = max(np.max(np.abs(np.array(answers, np.float64) - expected)), np.max(np.abs(together.astype(np.float64) - expected)))
    return float(loss), best / len(single) * 1e6, joined / len(rows) * 1e6


def write_rows(names, rows, expected):
    path = BENCH / "rows" / "rows.jsonl"
    path.parent.mkdir(exist_ok=True)
    lines = []
    for index, row in enumerate(rows):
        answers = {model_id: float(values[index]) for model_id, values in expected.items()}
        lines.append(json.dumps({"features": features_of(names, row), "probability": answers}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def features_of(names, row):
    return {name: float(value) for name, value in zip(names, row)}


def flow(value):
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1_000_000)
    return text.removesuffix("\n").removesuffix("\n...")


if __name__ == "__main__":
    main()
