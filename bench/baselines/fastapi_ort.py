"""FastAPI and onnxruntime on uvicorn (uvloop, httptools), as one would write it; one process, access log off."""

import sys
from datetime import datetime, timezone

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

PORT, FOLDER, NAMES = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(f"{FOLDER}/model.onnx", options, providers=["CPUExecutionProvider"])
INPUT, OUTPUT = session.get_inputs()[0].name, session.get_outputs()[-1].name
app = FastAPI()


class Instance(BaseModel):
    features: dict[str, float]


class Single(Instance):
    model_id: str


class Batch(BaseModel):
    model_id: str
    instances: list[Instance]


def predict(instances):
    values = np.array([[instance.features[name] for name in NAMES] for instance in instances], dtype=np.float32)
    return [{"prediction": {"probability": float(row[0])}} for row in session.run([OUTPUT], {INPUT: values})[0]]


@app.post("/v1/predict")
async def predict_one(request: Single):
    now = datetime.now(timezone.utc).isoformat()
    return {"model_id": request.model_id, "model_version": "1", **predict([request])[0], "timestamp": now}


@app.post("/v1/predict/batch")
async def predict_batch(request: Batch):
    now = datetime.now(timezone.utc).isoformat()
    return {"model_id": request.model_id, "model_version": "1", "results": predict(request.instances), "timestamp": now}


uvicorn.run(app, host="127.0.0.1", port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
