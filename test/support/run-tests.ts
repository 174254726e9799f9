/**
 * All tests, in two processes of mocha at the same time: many tests wait for a server, and one process keeps one core busy at most.
 *
 *     npm test -- --grep 'a title'
 *
 * Arguments go to both.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './repository.js';
import { runSideBySide } from './side-by-side.js';

/** The files of the second process; the first has all others, and takes as long. */
const second =
  /^dist\/(examples|test\/(architecture|contract|docs|faults|unit))\/|^dist\/test\/integration\/python-/;

const files = ['dist/test', 'dist/examples'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js'))
    .map((path) => `${folder}/${path}`)
    .sort(),
);
const lists = [files.filter((file) => !second.test(file)), files.filter((file) => second.test(file))];
const color = process.stdout.isTTY ? ['--color'] : [];
const counts = await runSideBySide(lists, { args: [...color, ...process.argv.slice(2)] });
process.stdout.write(
  `both processes: ${counts.passed} passed, ${counts.failed} failed, ${counts.pending} pending\n`,
);
const summary = process.env['VIVACE_TEST_SUMMARY'];
if (summary !== undefined) writeFileSync(summary, JSON.stringify(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
