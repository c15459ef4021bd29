// Fastify and onnxruntime-node, as one would write it: no validation but the names, no key, no limit, no metrics, no log, no event.
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [port, folder, names] = [Number(process.argv[2]), process.argv[3], process.argv[4].split(',')];
const session = await InferenceSession.create(`${folder}/model.onnx`, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const input = session.inputNames[0];
const output = session.outputNames.at(-1);

async function predict(rows) {
  const values = Float32Array.from(rows.flatMap((features) => names.map((name) => features[name])));
  const result = await session.run({ [input]: new Tensor('float32', values, [rows.length, names.length]) }, [output]);
  const { data, dims } = result[output];
  return rows.map((_, row) => ({ prediction: { probability: data[row * dims[1]] } }));
}

const app = Fastify();
app.post('/v1/predict', async (request) => {
  const [answer] = await predict([request.body.features]);
  return { model_id: request.body.model_id, model_version: '1', ...answer, timestamp: new Date().toISOString() };
});
app.post('/v1/predict/batch', async (request) => {
  const results = await predict(request.body.instances.map((instance) => instance.features));
  return { model_id: request.body.model_id, model_version: '1', results, timestamp: new Date().toISOString() };
});
await app.listen({ port, host: '127.0.0.1' });
