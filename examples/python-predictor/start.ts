/**
 * Trains a model of the flights in Python, and ranks with it as ONNX and as a predictor in Python:
 *
 *     npm run build && node dist/examples/python-predictor/start.js [--python python3]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rank } from './rank.js';

const { values } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } });
const work = fileURLToPath(new URL('../../../examples/python-predictor/data', import.meta.url));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { onnx, python } = await rank({ python: values.python, work, onStep: say });
say('\n         ONNX            Python');
for (const [i, one] of onnx.entries()) {
  const cells = [one, python[i]!].map(({ destination, delay }) => `${destination} ${delay.toFixed(2)} min`);
  say(`${String(i + 1).padStart(2)}.  ${cells.map((cell) => cell.padEnd(16)).join('')}`);
}
