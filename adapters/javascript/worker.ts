import { parentPort, workerData } from 'node:worker_threads';
import { answerCalls, describeError, type CallPort } from 'vivace/wire';
import { openModel, type ModelFiles } from './model.js';

const port = parentPort as CallPort;
const files = workerData as ModelFiles;
try {
  answerCalls(port, files.signature, await openModel(files));
  port.postMessage({ ready: true }, []);
} catch (error) {
  port.postMessage({ failed: describeError(error, 'FAILED_PRECONDITION') }, []);
}
