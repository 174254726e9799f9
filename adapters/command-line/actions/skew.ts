import { measureSkew, offlineStore, onlyPart, withServer, type SkewReport } from 'vivace';
import { loadConfiguration } from '../configuration.js';
import { exitCodes } from '../exit-codes.js';
import { momentOf, rowsOrShareOf } from '../option-values.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, Progress } from '../progress.js';
import type { Run } from '../run.js';
import { skewText } from '../skew-text.js';
import { UsageError } from '../usage-error.js';

export interface SkewCommandOptions extends WithConfig, WithJson {
  readonly from?: string;
  readonly to?: string;
  readonly allow: string;
  readonly store?: string;
  readonly ledger: boolean;
}

/** Compares what a pipeline served with what is computed anew. */
export async function skew(
  pipeline: string,
  { from, to, allow, store: wanted, ledger, json, ...options }: SkewCommandOptions,
  run: Run,
): Promise<void> {
  const { terminal, notes } = run;
  const allowed = rowsOrShareOf('--allow', allow);
  const period = {
    ...(from === undefined ? {} : { fromMs: momentOf('--from', from) }),
    ...(to === undefined ? {} : { toMs: momentOf('--to', to) }),
  };
  if (from !== undefined && to !== undefined && period.fromMs! >= period.toMs!)
    throw new UsageError(`--to: ${to} is not after --from: it is the first time that is left out`);
  const report = await withServer(await loadConfiguration(options, terminal), async (server) => {
    const store = onlyPart(server, offlineStore, { wanted, say: '--store' });
    const progress = new Progress(pipeline, notes);
    const measured = { pipeline, ...period, store, ledger, onProgress: progress.update };
    try {
      const found = await measureSkew(server, measured, { signal: terminal.signal });
      progress.finish(`${count(found.rows)} rows compared`);
      return found;
    } catch (error) {
      progress.leave();
      throw error;
    }
  });
  if (json === true) terminal.stdout.write(`${JSON.stringify(report)}\n`);
  else for (const line of skewText(report)) terminal.stdout.write(`${line}\n`);
  judge(report, allowed(report.compared), run);
}

function judge({ unexplained, compared }: SkewReport, allowed: number, run: Run): void {
  if (unexplained <= allowed) return;
  const rows = unexplained === 1 ? 'row is' : 'rows are';
  run.terminal.stderr.write(
    `error: ${count(unexplained)} of ${count(compared)} ${rows} unexplained, and --allow is ${count(Math.floor(allowed))}\n`,
  );
  run.exitCode = exitCodes.exceeded;
}
