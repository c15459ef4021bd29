// Exit code 0 where GET /health answers 200. node docker/healthcheck.js [PORT], else INFERENCE_SERVICE__PORT, else 8000.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

const port = Number(process.argv[2] ?? process.env.INFERENCE_SERVICE__PORT ?? 8000);
// The question is whether this container's process lives, asked over loopback: not whose certificate it shows.
const options = { host: '127.0.0.1', port, path: '/health', timeout: 2000, rejectUnauthorized: false };

function isHealthy(request) {
  return new Promise((resolve) => {
    const call = request(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('timeout', () => call.destroy());
    call.once('close', () => resolve(false));
    call.once('error', () => resolve(false));
    call.end();
  });
}

// tls.mode decides which of the two the port speaks.
const healthy = (await isHealthy(httpRequest)) || (await isHealthy(httpsRequest));
process.exit(healthy ? 0 : 1);
