#!/usr/bin/env node
import { VivaceError } from 'vivace';
import { exitCodes } from './exit-codes.js';
import { run } from './run.js';

const controller = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new VivaceError('CANCELLED', `${signal} received`));
  });
}

// Whoever reads may have seen enough, as `head` does.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
    throw error;
  });
}

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  directory: process.cwd(),
  signal: controller.signal,
});
