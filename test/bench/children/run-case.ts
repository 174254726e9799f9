import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BenchCase, Workbench } from '../bench-case.js';
import type { BuiltCase, Outcome } from '../run-case.js';

// Of this build nothing is loaded, only types: everything that is measured comes from the build that was asked for.

// Where the parent has gone, nothing else would end what the case has started: this process leads their group.
process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.send!(await run(JSON.parse(process.argv[2] as string) as BuiltCase));

async function run({ dist, module }: BuiltCase): Promise<Outcome> {
  const load = async (path: string): Promise<unknown> =>
    import(pathToFileURL(join(dist, 'test/bench', path)).href);
  try {
    const { Workbench: bench } = (await load('bench-case.js')) as { Workbench: typeof Workbench };
    const { benchCase } = (await load(`cases/${module}.js`)) as { benchCase: BenchCase };
    return { figures: await benchCase.run(await bench.open()) };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}
