"""Makes cases/: small models of many libraries as ONNX files, with rows and the answers that the library itself gives for them.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make_models.py

The files are committed; the tests need no Python. Expected answers never come from onnxruntime. `tolerance` is 1e-6; where float32 loses
more by itself (`loss`: the largest difference between the library's answer and Python's onnxruntime on the same file), it is added.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType as SklFloat
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common.data_types import StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import (ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor,
                              HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier,
                              RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (Binarizer, MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, PolynomialFeatures,
                                   StandardScaler)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

warnings.filterwarnings("ignore")
CASES = Path(__file__).resolve().parent / "cases"
SEED = 7
OPSET = {"": 17, "ai.onnx.ml": 3}


def float32(values):
    return np.asarray(values, np.float32)


iris, wine, diabetes = load_iris(), load_wine(), load_diabetes()
IRIS, SPECIES = float32(iris.data), iris.target
WINE, CULTIVAR = float32(wine.data), wine.target
BODY, PROGRESS = float32(diabetes.data), diabetes.target
BINARY = (PROGRESS > 140).astype(int)
random = np.random.default_rng(SEED)
HOLES = np.where(random.random(BODY.shape) < 0.15, np.nan, BODY).astype(np.float32)


def save(name, onnx, feeds, answers, library):
    """`answers`: by output name, a list with one element a row."""
    session = onnxruntime.InferenceSession(onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    ours = dict(zip(outputs, session.run(None, {key: tensor for key, tensor in feeds.items()})))
    loss = 0.0
    wanted = {}
    for output, values in answers.items():
        values = np.asarray(values)
        wanted[output] = values.tolist()
        if values.dtype.kind != "f":
            continue
        got = ours[output]
        got = np.array([list(row.values()) for row in got]) if isinstance(got, list) else got
        got = got.reshape(values.shape).astype(np.float64)
        loss = max(loss, float(np.max(np.abs(got - values) / np.maximum(1, np.abs(values)))))
    assert loss < 1e-5, f"{name}: the exported model computes something else"
    (CASES / f"{name}.onnx").write_bytes(onnx.SerializeToString())
    inputs = {key: {"type": "string" if tensor.dtype.kind in "OU" else str(tensor.dtype), "dims": list(tensor.shape),
                    "data": [None if isinstance(x, float) and np.isnan(x) else x for x in tensor.ravel().tolist()]}
              for key, tensor in feeds.items()}
    case = {"library": library, "tolerance": 1e-6 + (loss if loss > 1e-7 else 0), "rows": len(next(iter(feeds.values()))),
            "inputs": inputs, "outputs": wanted}
    (CASES / f"{name}.json").write_text(json.dumps(case) + "\n")
    print(f"{name:40} {len(onnx.SerializeToString()):7} bytes, loss {loss:.1e}")


def flags_as_integers():
    """skl2onnx 1.20 writes numpy booleans where ONNX wants integers, which protobuf 7 refuses."""
    original = ModelComponentContainer.add_node

    def add_node(self, *args, **attributes):
        fixed = {key: [int(flag) for flag in value] if key == "nodes_missing_value_tracks_true" else value
                 for key, value in attributes.items()}
        return original(self, *args, **fixed)

    ModelComponentContainer.add_node = add_node


def thin(rows, count=12):
    return rows[:: max(1, len(rows) // count)][:count]


def sklearn_classifier(name, model, X, y, options=None):
    model.fit(X, y)
    final = model[-1] if hasattr(model, "steps") else model
    probabilities = hasattr(model, "predict_proba")
    settings = {id(final): {"zipmap": False} if options is None else options}
    onnx = to_onnx(model, X[:1], options=settings, target_opset=OPSET)
    rows = thin(X)
    label, score = [output.name for output in onnx.graph.output][:2]
    answers = {label: model.predict(rows)}
    if probabilities:
        answers[score] = model.predict_proba(rows)
    save(name, onnx, {onnx.graph.input[0].name: rows}, answers, "scikit-learn")


def sklearn_regressor(name, model, X, y):
    model.fit(X, y)
    onnx = to_onnx(model, X[:1], target_opset=OPSET)
    rows = thin(X)
    answer = model.predict(rows).astype(np.float64).reshape(len(rows), -1)
    save(name, onnx, {onnx.graph.input[0].name: rows}, {onnx.graph.output[0].name: answer}, "scikit-learn")


def scikit_learn():
    classify, regress = sklearn_classifier, sklearn_regressor
    classify("sklearn-logistic-binary", LogisticRegression(max_iter=2000), BODY, BINARY)
    classify("sklearn-logistic-multiclass", make_pipeline(StandardScaler(), LogisticRegression()), WINE, CULTIVAR)
    classify("sklearn-linear-svc", LinearSVC(), IRIS, SPECIES, {"raw_scores": True})
    classify("sklearn-svc", SVC(probability=False, C=2), IRIS, SPECIES, {"raw_scores": True})
    classify("sklearn-decision-tree", DecisionTreeClassifier(max_depth=6, random_state=SEED), IRIS, SPECIES)
    classify("sklearn-random-forest", RandomForestClassifier(12, max_depth=6, random_state=SEED), WINE, CULTIVAR)
    classify("sklearn-extra-trees-binary", ExtraTreesClassifier(15, max_depth=5, random_state=SEED), BODY, BINARY)
    classify("sklearn-gradient-boosting-binary", GradientBoostingClassifier(n_estimators=25, random_state=SEED), BODY, BINARY)
    classify("sklearn-gradient-boosting-multiclass", GradientBoostingClassifier(n_estimators=10, random_state=SEED), IRIS, SPECIES)
    classify("sklearn-hist-boosting-missing", HistGradientBoostingClassifier(max_iter=15, random_state=SEED), HOLES, BINARY)
    classify("sklearn-hist-boosting-multiclass", HistGradientBoostingClassifier(max_iter=8, random_state=SEED), WINE, CULTIVAR)
    classify("sklearn-mlp", make_pipeline(MinMaxScaler(), MLPClassifier((16, 8), max_iter=400, random_state=SEED)), WINE, CULTIVAR)
    classify("sklearn-naive-bayes", GaussianNB(), IRIS, SPECIES)
    classify("sklearn-neighbours", KNeighborsClassifier(5), IRIS[::2], SPECIES[::2])
    classify("sklearn-imputer-scaler-logistic", make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), HOLES, BINARY)
    classify("sklearn-normalizer-binarizer", make_pipeline(Normalizer(), Binarizer(threshold=0.3), DecisionTreeClassifier(random_state=SEED)), WINE, CULTIVAR)
    classify("sklearn-label-strings", make_pipeline(MaxAbsScaler(), RandomForestClassifier(7, max_depth=4, random_state=SEED)),
             IRIS, iris.target_names[SPECIES])
    regress("sklearn-linear-regression", LinearRegression(), BODY, PROGRESS)
    regress("sklearn-ridge-multi-target", Ridge(), BODY, np.column_stack([PROGRESS, PROGRESS**0.5]))
    regress("sklearn-elastic-net", make_pipeline(StandardScaler(), ElasticNet()), BODY, PROGRESS)
    regress("sklearn-polynomial", make_pipeline(PolynomialFeatures(2), LinearRegression()), IRIS[:, :3], IRIS[:, 3].astype(np.float64))
    regress("sklearn-svr", SVR(C=50), BODY[::4], PROGRESS[::4])
    regress("sklearn-linear-svr", LinearSVR(max_iter=20000), BODY, PROGRESS)
    regress("sklearn-decision-tree-regressor", DecisionTreeRegressor(max_depth=7, random_state=SEED), BODY, PROGRESS)
    regress("sklearn-random-forest-regressor", RandomForestRegressor(12, max_depth=6, random_state=SEED), BODY, PROGRESS)
    regress("sklearn-forest-multi-target", RandomForestRegressor(8, max_depth=5, random_state=SEED), BODY, np.column_stack([PROGRESS, BINARY]))
    regress("sklearn-gradient-boosting-regressor", GradientBoostingRegressor(n_estimators=30, random_state=SEED), BODY, PROGRESS)
    regress("sklearn-hist-boosting-regressor-missing", HistGradientBoostingRegressor(max_iter=15, random_state=SEED), HOLES, PROGRESS)
    regress("sklearn-mlp-regressor", make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(24,), activation="tanh", max_iter=300, random_state=SEED)), BODY, PROGRESS / 100)
    regress("sklearn-neighbours-regressor", KNeighborsRegressor(3), BODY[::3], PROGRESS[::3])
    mixed_columns()


def mixed_columns():
    towns = np.array(["north", "south", "east"])[random.integers(0, 3, 200)]
    amount = float32(random.normal(size=(200, 2)))
    y = ((towns == "north") ^ (amount[:, 0] > 0.2)).astype(int)
    table = np.column_stack([amount.astype(object), towns])
    columns = ColumnTransformer([("number", StandardScaler(), [0, 1]), ("town", OneHotEncoder(handle_unknown="ignore"), [2])])
    model = make_pipeline(columns, GradientBoostingClassifier(n_estimators=10, random_state=SEED)).fit(table, y)
    types = [("a", SklFloat([None, 1])), ("b", SklFloat([None, 1])), ("town", StringTensorType([None, 1]))]
    onnx = to_onnx(model, initial_types=types, options={id(model[-1]): {"zipmap": False}}, target_opset=OPSET)
    rows = table[:12].copy()
    rows[11, 2] = "west"
    feeds = {"a": float32(rows[:, [0]]), "b": float32(rows[:, [1]]), "town": rows[:, [2]].astype(object)}
    label, score = [output.name for output in onnx.graph.output]
    save("sklearn-mixed-columns", onnx, feeds, {label: model.predict(rows), score: model.predict_proba(rows)}, "scikit-learn")


def boosted(name, library, model, onnx, rows, probabilities):
    outputs = [output.name for output in onnx.graph.output]
    if probabilities is None:
        answers = {outputs[0]: np.asarray(model.predict(rows), np.float64).reshape(len(rows), -1)}
    else:
        answers = {outputs[0]: np.asarray(model.predict(rows)).ravel(), outputs[1]: probabilities.astype(np.float64)}
    save(name, onnx, {onnx.graph.input[0].name: rows}, answers, library)


def xgboost():
    for name, model, X, y in (
        ("xgboost-binary", XGBClassifier(n_estimators=30, max_depth=5, random_state=SEED), BODY, BINARY),
        ("xgboost-multiclass", XGBClassifier(n_estimators=10, max_depth=4, random_state=SEED), WINE, CULTIVAR),
        ("xgboost-missing", XGBClassifier(n_estimators=25, max_depth=5, random_state=SEED), HOLES, BINARY),
        ("xgboost-regressor", XGBRegressor(n_estimators=30, max_depth=5, random_state=SEED), BODY, PROGRESS),
        ("xgboost-regressor-missing", XGBRegressor(n_estimators=20, max_depth=6, random_state=SEED), HOLES, PROGRESS),
    ):
        model.fit(X, y)
        onnx = convert_xgboost(model, initial_types=[("x", FloatTensorType([None, X.shape[1]]))], target_opset=15)
        rows = thin(X)
        boosted(name, "XGBoost", model, onnx, rows, model.predict_proba(rows) if isinstance(model, XGBClassifier) else None)


def lightgbm():
    settings = dict(random_state=SEED, n_jobs=1, verbose=-1, min_child_samples=3)
    lopsided = dict(num_leaves=31, max_depth=-1)
    for name, model, X, y in (
        ("lightgbm-binary", LGBMClassifier(n_estimators=20, **lopsided, **settings), BODY, BINARY),
        ("lightgbm-multiclass", LGBMClassifier(n_estimators=8, **settings), WINE, CULTIVAR),
        ("lightgbm-missing", LGBMClassifier(n_estimators=20, num_leaves=15, **settings), HOLES, BINARY),
        ("lightgbm-regressor", LGBMRegressor(n_estimators=20, **lopsided, **settings), BODY, PROGRESS),
    ):
        model.fit(X, y)
        onnx = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, X.shape[1]]))], target_opset=15, zipmap=False)
        rows = thin(X)
        boosted(name, "LightGBM", model, onnx, rows, model.predict_proba(rows) if isinstance(model, LGBMClassifier) else None)


def catboost():
    import onnx as onnx_package

    settings = dict(random_seed=SEED, verbose=False, allow_writing_files=False, thread_count=1)
    for name, model, X, y in (
        ("catboost-binary", CatBoostClassifier(iterations=20, depth=4, **settings), BODY, BINARY),
        ("catboost-multiclass", CatBoostClassifier(iterations=8, depth=4, **settings), WINE, CULTIVAR),
        ("catboost-regressor", CatBoostRegressor(iterations=25, depth=4, **settings), BODY, PROGRESS),
        ("catboost-missing", CatBoostRegressor(iterations=20, depth=4, **settings), HOLES, PROGRESS),
    ):
        model.fit(X, y)
        path = CASES / "catboost.tmp"
        model.save_model(str(path), format="onnx")
        onnx = onnx_package.load(str(path))
        path.unlink()
        rows = thin(X)
        boosted(name, "CatBoost", model, onnx, rows, model.predict_proba(rows) if isinstance(model, CatBoostClassifier) else None)


def convolution():
    """What an image network of PyTorch exports to: convolution, pooling, dense layers. The answer is numpy's in float64."""
    pixels = float32(random.random((6, 1, 8, 8)))
    kernel, bias = float32(random.normal(size=(4, 1, 3, 3))), float32(random.normal(size=4))
    dense = float32(random.normal(size=(4 * 3 * 3, 3)) / 6)
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["convolved"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["convolved"], ["rectified"]),
        helper.make_node("MaxPool", ["rectified"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes, "convolution", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in (("kernel", kernel), ("bias", bias), ("dense", dense))])
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    windows = np.lib.stride_tricks.sliding_window_view(pixels[:, 0].astype(np.float64), (3, 3), axis=(1, 2))
    convolved = np.einsum("nijab,kab->nkij", windows, kernel[:, 0].astype(np.float64)) + bias[None, :, None, None]
    pooled = np.maximum(convolved, 0).reshape(6, 4, 3, 2, 3, 2).max(axis=(3, 5))
    logits = pooled.reshape(6, -1) @ dense.astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    save("network-convolution", onnx, {"image": pixels}, {"probabilities": powers / powers.sum(axis=1, keepdims=True)}, "numpy")


if __name__ == "__main__":
    CASES.mkdir(exist_ok=True)
    for old in CASES.iterdir():
        old.unlink()
    flags_as_integers()
    scikit_learn()
    xgboost()
    lightgbm()
    catboost()
    convolution()
