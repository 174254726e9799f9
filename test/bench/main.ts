import { constants, cpus, loadavg } from 'node:os';
import { measureAgainst } from './against.js';
import { help, readArguments, type Arguments } from './arguments.js';
import { Workbench, type Figure } from './bench-case.js';
import { loadCase } from './cases.js';
import { table } from './table.js';

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const given = argumentsOrExit();
if (given.help) {
  console.log(help);
  process.exit();
}
const tables = given.against === undefined ? await measure() : await measureUntilStopped(given.against);
const processor = cpus()[0]?.model.replace(/\s+/g, ' ') ?? 'unknown';
console.log(
  `\n${cpus().length} cores (${processor}), Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(1)}\n`,
);
console.log(tables);

function argumentsOrExit(): Arguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}

/** Every case against its floor, in this process; a signal ends it with what has been measured by then. */
async function measure(): Promise<string> {
  const bench = await Workbench.open();
  const results: [string, readonly Figure[]][] = [];
  for (const signal of stopSignals)
    process.once(signal, () => {
      if (results.length > 0) console.log(table(results));
      void bench.close().finally(() => process.exit(128 + constants.signals[signal]));
    });
  try {
    for (const name of given.names) {
      const benchCase = await loadCase(name);
      console.error(`(${name}) ${benchCase.title} …`);
      results.push([name, await benchCase.run(bench)]);
    }
  } finally {
    await bench.close();
  }
  return table(results);
}

/** Both builds in turn; a signal ends their processes first and then this one. */
async function measureUntilStopped(against: string): Promise<string> {
  const stop = new AbortController();
  for (const signal of stopSignals) process.once(signal, () => stop.abort(signal));
  try {
    return await measureAgainst(against, { ...given, signal: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.kill(process.pid, stop.signal.reason as NodeJS.Signals);
    return new Promise(() => undefined);
  }
}
