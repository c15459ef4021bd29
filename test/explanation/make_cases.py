"""Makes the cases under test/explanation/cases: small models, and what the Python package `shap` says of them.

    pip install -r examples/train/requirements.txt lightgbm==4.7.0 shap==0.51.0
    python test/explanation/make_cases.py

Not run by the tests: they read the files. shap explains XGBoost and LightGBM path-dependently by way of those libraries, in single
precision; here its own trees are given to its own C extension, in double precision. Its base values of XGBoost are wrong where there
are several classes, and until it has explained a row: there they are taken from XGBoost.
"""

import base64
import json
import sys
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import shap
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common import tree_ensemble
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier, HistGradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor,
)  # fmt: skip
from sklearn.linear_model import LinearRegression, LogisticRegression

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from explain_sidecar import make_sidecar  # noqa: E402

warnings.filterwarnings("ignore")
FEATURES = 6
SEED = 5


def data(kind):
    if kind == "regression":
        rows, target = make_regression(200, FEATURES, n_informative=5, random_state=SEED)
        target = target / 50
    elif kind == "outputs":
        rows, target = make_regression(200, FEATURES, n_informative=5, n_targets=3, random_state=SEED)
        target = target / 50
    else:
        classes = 2 if kind == "binary" else 3
        rows, target = make_classification(
            200, FEATURES, n_informative=4, n_redundant=0, n_classes=classes, random_state=SEED
        )
    return rows.astype(np.float32), target


def with_gaps(rows):
    rows = rows.copy()
    rows[np.random.default_rng(SEED).random(rows.shape) < 0.2] = np.nan
    return rows


def double_precision(model, background=None):
    """A TreeExplainer that computes in shap's C extension, whatever the library."""
    if background is None:
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    else:
        explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
    explainer.model.model_type = "internal"
    return explainer


def shap_values(explainer, rows):
    options = {"check_additivity": False} if isinstance(explainer, shap.TreeExplainer) else {}
    values = np.asarray(explainer.shap_values(rows, **options), dtype=np.float64)
    values = values[:, :, None] if values.ndim == 2 else values
    return {"base": np.ravel(explainer.expected_value).tolist(), "values": values.transpose(0, 2, 1).tolist()}


def case(name, model, graph, train, rows, *, background, linear=False):
    content = {"name": name, "onnx": base64.b64encode(graph.SerializeToString()).decode()}
    content["rows"] = as_json(rows)
    content["background"] = as_json(background)
    content["sidecar"] = make_sidecar(model, graph, train)
    if linear:
        for key, table in (("path_dependent", train), ("interventional", background)):
            explainer = shap.LinearExplainer(model, shap.maskers.Independent(table.astype(np.float64), max_samples=len(table)))
            content[key] = shap_values(explainer, rows.astype(np.float64))
    else:
        content["path_dependent"] = shap_values(double_precision(model), rows)
        content["interventional"] = shap_values(double_precision(model, background), rows)
        if hasattr(model, "get_booster"):
            booster, matrix = model.get_booster(), xgboost.DMatrix(background)
            biases = np.atleast_2d(booster.predict(matrix, pred_contribs=True)[0])[..., -1]
            margins = np.atleast_2d(booster.predict(matrix, output_margin=True).T).mean(axis=1, dtype=np.float64)
            content["path_dependent"]["base"] = np.ravel(biases).astype(float).tolist()
            content["interventional"]["base"] = margins.tolist()
    text = json.dumps(content)
    (HERE / "cases" / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(name, len(text), np.asarray(content["path_dependent"]["values"]).shape)


def as_json(rows):
    return [[None if np.isnan(cell) else float(cell) for cell in row] for row in rows]


def whole_numbers_for_leaves():
    """skl2onnx 1.20 gives a leaf of histogram boosting the attribute False, which protobuf 7 refuses where a 0 belongs."""
    add_node = tree_ensemble.add_node

    def with_a_number(*args, nodes_missing_value_tracks_true=False, **rest):
        add_node(*args, nodes_missing_value_tracks_true=int(nodes_missing_value_tracks_true), **rest)

    tree_ensemble.add_node = with_a_number


def scikit(model, zipmap=False):
    options = {"zipmap": zipmap} if hasattr(model, "classes_") else None
    return to_onnx(
        model,
        initial_types=[("x", FloatTensorType([None, FEATURES]))],
        options=options and {id(model): options},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )


def main():
    tools = {"initial_types": [("x", ToolsFloat([None, FEATURES]))], "target_opset": 15}
    small = {"n_estimators": 8, "max_depth": 3, "random_state": SEED}
    scikit_models = {
        "forest-binary": ("binary", RandomForestClassifier(**small)),
        "forest-classes": ("classes", RandomForestClassifier(**small)),
        "forest-regression": ("regression", RandomForestRegressor(**small)),
        "forest-outputs": ("outputs", RandomForestRegressor(**small)),
        "boosting-binary": ("binary", GradientBoostingClassifier(**small)),
        "boosting-regression": ("regression", GradientBoostingRegressor(**{**small, "max_depth": 6})),
        "linear-regression": ("regression", LinearRegression()),
        "logistic-binary": ("binary", LogisticRegression()),
        "logistic-classes": ("classes", LogisticRegression()),
    }
    for name, (kind, model) in scikit_models.items():
        train, target = data(kind)
        model.fit(train, target)
        case(name, model, scikit(model), train, train[:6], background=train[100:140], linear=hasattr(model, "coef_"))
    whole_numbers_for_leaves()
    histogram = {"max_iter": 8, "max_depth": 3, "early_stopping": False, "random_state": SEED}
    histogram_models = {
        "histogram-binary": ("binary", HistGradientBoostingClassifier(**histogram)),
        "histogram-regression": ("regression", HistGradientBoostingRegressor(**histogram)),
    }
    for name, (kind, model) in histogram_models.items():
        complete, target = data(kind)
        train = with_gaps(complete)
        model.fit(train, target)
        case(name, model, scikit(model), train, train[:6], background=train[100:140])
    boosted = {
        "xgboost-binary": ("binary", xgboost.XGBClassifier(**small, n_jobs=1), convert_xgboost, {}),
        "xgboost-classes": ("classes", xgboost.XGBClassifier(**small, n_jobs=1), convert_xgboost, {}),
        "xgboost-regression": ("regression", xgboost.XGBRegressor(**small, n_jobs=1), convert_xgboost, {}),
        "lightgbm-binary": ("binary", lightgbm.LGBMClassifier(**small, num_leaves=7, n_jobs=1, verbose=-1), convert_lightgbm, {"zipmap": False}),
        "lightgbm-classes": ("classes", lightgbm.LGBMClassifier(**small, num_leaves=7, n_jobs=1, verbose=-1), convert_lightgbm, {"zipmap": False}),
        "lightgbm-regression": ("regression", lightgbm.LGBMRegressor(**small, num_leaves=7, n_jobs=1, verbose=-1), convert_lightgbm, {}),
    }
    for name, (kind, model, convert, options) in boosted.items():
        complete, target = data(kind)
        train = with_gaps(complete)
        model.fit(train, target)
        case(name, model, convert(model, **tools, **options), train, train[:6], background=train[100:140])


if __name__ == "__main__":
    main()
