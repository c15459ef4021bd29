"""Unloads and loads a model by Triton's own clients, over HTTP and over gRPC alike, sends it a raw request, and prints what came of it, as one
JSON object.

open_inference_control.py REST_PORT GRPC_PORT ADMIN_KEY READER_KEY MODEL FLOATS
"""

import json
import sys
import urllib.request

import numpy
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

rest_port, grpc_port, admin, reader, model, floats = sys.argv[1:7]
headers = {"x-api-key": admin}


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


def outcome(call):
    """How the call ended: its status, and the text of its error."""
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return {"status": "done", "message": ""}


def by_http():
    client = triton_http.InferenceServerClient(f"127.0.0.1:{rest_port}")
    return story(client, client.get_server_metadata()["extensions"], client.get_model_repository_index)


def by_grpc():
    client = triton_grpc.InferenceServerClient(f"127.0.0.1:{grpc_port}")

    def index(**options):
        entries = client.get_model_repository_index(**options).models
        return [{name: getattr(entry, name) for name in ("name", "version", "state", "reason")} for entry in entries]

    return story(client, list(client.get_server_metadata().extensions), index)


def story(client, extensions, index):
    as_reader = {"x-api-key": reader}
    before = index(headers=headers)
    unloaded = outcome(lambda: client.unload_model(model, headers=headers))
    while_unloaded = index(headers=headers)
    unknown = outcome(lambda: client.get_model_metadata(model, headers=headers))
    return {
        "extensions": extensions,
        "before": before,
        "unload": unloaded,
        "while unloaded": while_unloaded,
        "metadata while unloaded": unknown,
        "load": outcome(lambda: client.load_model(model, headers=headers)),
        "after": index(headers=headers),
        "files": outcome(
            lambda: client.load_model(model, headers=headers, config="{}", files={"file:1/model.onnx": b"x"})
        ),
        "config": outcome(lambda: client.load_model(model, headers=headers, config="{}")),
        "load of an unknown model": outcome(lambda: client.load_model("nope", headers=headers)),
        "unload of an unknown model": outcome(lambda: client.unload_model("nope", headers=headers)),
        "unload with dependents": outcome(lambda: client.unload_model(model, headers=headers, unload_dependents=True)),
        "load again": outcome(lambda: client.load_model(model, headers=headers)),
        "index by a reader": index(headers=as_reader),
        "load by a reader": outcome(lambda: client.load_model(model, headers=as_reader)),
        "unload by a reader": outcome(lambda: client.unload_model(model, headers=as_reader)),
        "index by nobody": outcome(lambda: index()),
    }


first = raw()
http, grpc = by_http(), by_grpc()
print(json.dumps({"http": http, "grpc": grpc, "raw": first, "raw again": raw()}))
