"""Asks a server of the Open Inference Protocol by other people's clients, and prints what they make of it, as one JSON object.

open_inference.py triton|kserve REST_PORT GRPC_PORT MODEL INPUT COLUMNS OUTPUT [binary] [health]

The two kinds of clients register the same messages, so that one process can load only one of them.
"""
import asyncio
import json
import sys

import numpy

kind, rest_port, grpc_port, model, input_name, columns, output = sys.argv[1:8]
binary = "binary" in sys.argv[8:]
# MLServer answers health without a body, which KServe's client cannot read.
health = "health" in sys.argv[8:]
rows = (numpy.arange(3 * int(columns), dtype=numpy.float32).reshape(3, int(columns)) % 7) / 2
answers = {}


def shown(array):
    return numpy.asarray(array).reshape(3, -1).tolist()


def failure(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "none"


def by_http(use_binary):
    import tritonclient.http as triton_http

    client = triton_http.InferenceServerClient(f"127.0.0.1:{rest_port}")
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
    metadata = client.get_model_metadata(model)
    assert [tensor["name"] for tensor in metadata["inputs"]] == [input_name], metadata
    assert client.get_server_metadata()["name"]
    tensor = triton_http.InferInput(input_name, list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=use_binary)
    wanted = triton_http.InferRequestedOutput(output, binary_data=use_binary)
    return shown(client.infer(model, [tensor], outputs=[wanted], request_id="r1").as_numpy(output))


def by_grpc():
    import tritonclient.grpc as triton_grpc

    client = triton_grpc.InferenceServerClient(f"127.0.0.1:{grpc_port}")
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
    assert client.get_model_metadata(model).name == model
    tensor = triton_grpc.InferInput(input_name, list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows)
    answer = client.infer(model, [tensor], outputs=[triton_grpc.InferRequestedOutput(output)], client_timeout=20)
    answers["unknown model by gRPC"] = failure(lambda: client.get_model_metadata("nope"))
    return shown(answer.as_numpy(output))


async def by_kserve():
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    base = f"http://127.0.0.1:{rest_port}"
    if health:
        assert await client.is_server_live(base) and await client.is_server_ready(base)
        assert await client.is_model_ready(base, model)
    tensor = InferInput(input_name, list(rows.shape), "FP32", rows.flatten().tolist())
    answer = await client.infer(base, InferRequest(model_name=model, infer_inputs=[tensor]), model_name=model)
    return shown(next(out for out in answer.outputs if out.name == output).as_numpy())


if kind == "kserve":
    answers["kserve"] = asyncio.run(by_kserve())
else:
    answers["http"] = by_http(False)
    if binary:
        answers["http, binary"] = by_http(True)
    answers["grpc"] = by_grpc()
print(json.dumps(answers))
