"""Unloads and loads a model by Triton's own client, sends it a raw request, and prints what came of it, as one JSON object.

open_inference_control.py REST_PORT KEY MODEL FLOATS
"""

import json
import sys
import urllib.request

import numpy
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

rest_port, key, model, floats = sys.argv[1:5]
headers = {"X-API-Key": key}
client = triton_http.InferenceServerClient(f"127.0.0.1:{rest_port}")
answers = {"extensions": client.get_server_metadata(headers=headers)["extensions"]}


def states():
    return sorted({entry["state"] for entry in client.get_model_repository_index(headers=headers) if entry["name"] == model})


def failure(call):
    try:
        call()
    except InferenceServerException as error:
        return error.status()
    return "none"


def raw():
    body = numpy.zeros(int(floats), dtype=numpy.float32).tobytes()
    request = urllib.request.Request(
        f"http://127.0.0.1:{rest_port}/v2/models/{model}/infer",
        data=body,
        headers={**headers, "Inference-Header-Content-Length": "0", "Content-Type": "application/octet-stream"},
    )
    with urllib.request.urlopen(request) as reply:
        length = int(reply.headers["Inference-Header-Content-Length"])
        parsed = triton_http.InferenceServerClient.parse_response_body(reply.read(), header_length=length)
    return {output["name"]: parsed.as_numpy(output["name"]).shape for output in parsed.get_response()["outputs"]}


answers["raw"] = raw()
client.unload_model(model, headers=headers)
answers["unloaded"] = states()
answers["ready while unloaded"] = failure(lambda: client.get_model_metadata(model, headers=headers))
client.load_model(model, headers=headers)
answers["loaded"] = states()
answers["again"] = raw() == answers["raw"]
answers["files"] = failure(lambda: client.load_model(model, headers=headers, config="{}", files={"file:1/model.onnx": b"x"}))
answers["unknown"] = failure(lambda: client.load_model("nope", headers=headers))
print(json.dumps(answers))
