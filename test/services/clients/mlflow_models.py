"""Trains, logs and registers models as a data scientist does, and prints what scikit-learn itself answers.

usage: mlflow_models.py TRACKING_URI

Registers `iris` (ONNX, versions 1 and 2, which answer differently), `iris-arrays` (ONNX, a tensor in place of columns),
`iris-skl` (scikit-learn's own flavour) and `iris-unsigned` (ONNX without a signature); `champion` is version 1 of `iris`.
"""

import json
import sys

import mlflow
import numpy as np
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

mlflow.set_tracking_uri(sys.argv[1])
columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
frame, target = load_iris(return_X_y=True, as_frame=True)
frame.columns = columns
values = frame.to_numpy().astype(np.float32)


def log(flavour, model, name, signature):
    """In a run of its own, as before MLflow 3 a run holds one model of a name; there `name` was `artifact_path`."""
    place = "name" if int(mlflow.__version__.split(".")[0]) >= 3 else "artifact_path"
    with mlflow.start_run():
        flavour.log_model(model, **{place: name}, registered_model_name=name, signature=signature)


answers = {}
for version, strength in (("1", 1.0), ("2", 0.01)):
    model = LogisticRegression(C=strength, max_iter=1000).fit(values, target)
    onnx = to_onnx(model, values[:1])
    log(mlflow.onnx, onnx, "iris", infer_signature(frame, model.predict(values)))
    answers[version] = model.predict_proba(values).tolist()
    if version == "1":
        log(mlflow.onnx, onnx, "iris-arrays", infer_signature(values, model.predict(values)))
        log(mlflow.onnx, onnx, "iris-unsigned", None)
        log(mlflow.sklearn, model, "iris-skl", infer_signature(frame, model.predict(values)))
mlflow.MlflowClient().set_registered_model_alias("iris", "champion", "1")
print(json.dumps({"columns": columns, "rows": frame.to_numpy().tolist(), "probabilities": answers}))
