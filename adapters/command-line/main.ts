#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { exitCodes } from './exit-codes.js';
import { run } from './run.js';

const signals = ['SIGINT', 'SIGTERM'] as const;
/** How long an interrupted process may take to close what is open after its command has ended. */
const closeMs = 500;
/** How long after its command should have ended the watchdog ends a process. */
const watchdogMs = 700;
/** A watchdog is a process of its own, so a long drain starts it only this long before its end. */
const watchedMs = 2000;

const controller = new AbortController();
let watched = false;

for (const signal of signals) {
  process.on(signal, () => {
    // Asked twice, the process does not wait.
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    // Core makes a CANCELLED of it.
    controller.abort(new Error(`${signal} received`));
  });
}

process.on('exit', () => {
  if (!controller.signal.aborted) return;
  // Native threads may keep the process from ending even now. From here on SIGINT ends it by itself.
  for (const signal of signals) process.removeAllListeners(signal);
  watch(watchdogMs);
});

// A reader may have seen enough, as `head` has.
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
  leaving(withinMs) {
    const laterMs = withinMs - watchedMs;
    // A command that is interrupted has loaded its timers.
    if (laterMs > 0)
      void import('vivace/kit').then(({ startTimer }) =>
        startTimer(() => watch(watchedMs + watchdogMs), laterMs).unref(),
      );
    else watch(withinMs + watchdogMs);
  },
});
if (controller.signal.aborted) {
  const { startTimer } = await import('vivace/kit');
  startTimer(() => process.exit(), closeMs).unref();
}

/** Starts the watchdog, once. */
function watch(ms: number): void {
  if (watched) return;
  watched = true;
  const script = fileURLToPath(new URL('watchdog.js', import.meta.url));
  const child = spawn(process.execPath, [script, String(ms)], {
    // The pipe tells it that this process has ended. In a process group of its own, it does not get Ctrl-C.
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without it, the process ends by itself or is ended from outside.
  child.on('error', () => undefined);
  child.unref();
  (child.stdin as unknown as { unref?(): void } | null)?.unref?.();
}
