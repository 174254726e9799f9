import { asVivaceError, VivaceError } from 'vivace';
import { z } from 'zod';
import type { WithJson } from '../options.js';
import { RemoteServer } from '../remote-server.js';
import { exitCodeOf, report } from '../report.js';
import type { Run } from '../run.js';

export interface ReloadOptions extends WithJson {
  readonly url: string;
}

/** Where a predictor stands, as operations say it. */
const servedPredictor = z.object({
  name: z.string(),
  serving: z.object({ name: z.string(), version: z.string() }).optional(),
});
const info = z.object({ predictors: z.array(servedPredictor) });
type ServedPredictor = z.output<typeof servedPredictor>;

/** Which version a predictor serves now, and which it served before. */
interface Reloaded {
  readonly predictor: string;
  readonly name: string | null;
  readonly version: string | null;
  readonly before: string | null;
}

/**
 * Has predictors of a running server look for new versions, side by side, and prints what they serve then. Those that fail are reported
 * one by one; the others are printed all the same.
 */
export async function reload(name: string | undefined, options: ReloadOptions, run: Run): Promise<void> {
  const { terminal, notes } = run;
  const { signal } = terminal;
  const server = new RemoteServer(options.url);
  const { predictors } = await server
    .askJson('/v1/info', info, { method: 'GET', signal })
    .catch((thrown: unknown) => {
      const { code, message } = asVivaceError(thrown);
      if (code !== 'NOT_FOUND') throw thrown;
      throw new VivaceError(
        code,
        `${message} below ${options.url}: the server needs \`operations\` with \`admin: true\`, and --url says where these listen, with their prefix`,
        { cause: thrown },
      );
    });
  const chosen = name === undefined ? predictors : predictorsOf(name, predictors);
  if (chosen.length === 0) notes.write('the server has no predictors\n');
  const outcomes = await Promise.allSettled(
    chosen.map(async (before) => {
      const path = `/v1/predictors/${encodeURIComponent(before.name)}/refresh`;
      return reloadedOf(before, await server.askJson(path, servedPredictor, { method: 'POST', signal }));
    }),
  );
  signal.throwIfAborted();
  const reloaded = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (options.json === true) terminal.stdout.write(`${JSON.stringify(reloaded)}\n`);
  else for (const each of reloaded) terminal.stdout.write(`${lineOf(each)}\n`);
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue;
    const cause = asVivaceError(outcome.reason);
    report(new VivaceError(cause.code, `${chosen[i]!.name}: ${cause.message}`, { cause }), terminal);
    run.exitCode = Math.max(run.exitCode, exitCodeOf(cause));
  }
}

/** @throws {VivaceError} `NOT_FOUND`, with what there is. */
function predictorsOf(name: string, predictors: readonly ServedPredictor[]): readonly ServedPredictor[] {
  const named = predictors.filter((predictor) => predictor.name === name);
  if (named.length > 0) return named;
  const serving = predictors.filter((predictor) => predictor.serving?.name === name);
  if (serving.length > 0) return serving;
  const there =
    predictors.length === 0
      ? 'it has none'
      : `it has ${predictors.map((each) => `${each.name} (${each.serving?.name ?? 'no model'})`).join(', ')}`;
  throw new VivaceError('NOT_FOUND', `the server has no predictor and no model "${name}": ${there}`);
}

function reloadedOf(before: ServedPredictor, { name, serving }: ServedPredictor): Reloaded {
  return {
    predictor: name,
    name: serving?.name ?? null,
    version: serving?.version ?? null,
    before: before.serving?.version ?? null,
  };
}

function lineOf({ predictor, name, version, before }: Reloaded): string {
  const from = before === null || before === version ? '' : ` (before ${before})`;
  return `${predictor}\t${name ?? ''} ${version ?? ''}${from}`;
}
