import { durationText, getFeatures, withServer, type FeatureView, type GottenRow } from 'vivace';
import { loadConfiguration } from '../configuration.js';
import type { WithConfig, WithJson } from '../options.js';
import type { Run } from '../run.js';
import { tableText } from '../table-text.js';
import { valueOfText } from '../text-values.js';
import { UsageError } from '../usage-error.js';

export interface GetFeaturesCommandOptions extends WithConfig, WithJson {
  readonly key: readonly string[];
}

/** Prints what the online store has for some keys of a view. */
export async function getKeys(view: string, options: GetFeaturesCommandOptions, run: Run): Promise<void> {
  const { terminal } = run;
  await withServer(await loadConfiguration(options, terminal), async (server) => {
    const keys = keysOf(options.key, server.views.get(view));
    const rows = await getFeatures(server, { view, keys }, { signal: terminal.signal });
    if (options.json === true) terminal.stdout.write(`${JSON.stringify(rows)}\n`);
    else terminal.stdout.write(rows.map((row) => textOf(view, row)).join('\n'));
  });
}

/** The values of each key; one that is given once goes with all values of the others. */
function keysOf(given: readonly string[], view: FeatureView | undefined): Record<string, unknown[]> {
  const keys: Record<string, unknown[]> = Object.create(null) as Record<string, unknown[]>;
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`--key: "${text}" is not a key and its value, such as airport=ORD`);
    const name = text.slice(0, at);
    const field = view?.entity.find((key) => key.name === name);
    const value = text.slice(at + 1);
    (keys[name] ??= []).push(field === undefined ? value : valueOfText(value, field));
  }
  const missing = view?.entity.find(({ name }) => keys[name] === undefined);
  if (missing !== undefined)
    throw new UsageError(
      `--key: a row of "${view!.name}" is known by "${missing.name}": give --key ${missing.name}=…`,
    );
  const rows = Math.max(...Object.values(keys).map((values) => values.length));
  for (const values of Object.values(keys))
    if (values.length === 1) while (values.length < rows) values.push(values[0]);
  return keys;
}

function textOf(view: string, { key, status, eventTime, availableTime, ageMs, features }: GottenRow): string {
  const named = Object.entries(key).map(([name, value]) => `${name}=${String(value)}`);
  const lines = [`${view} ${named.join(' ')}: ${status}`];
  if (eventTime !== undefined && ageMs !== undefined) {
    const age = ageMs < 0 ? `${durationText(-ageMs)} ahead` : `${durationText(ageMs)} ago`;
    lines.push(`  event time      ${eventTime}  ${age}`, `  available time  ${availableTime}`);
  }
  const table = features.map((feature) => [
    feature.name,
    `${feature.value === null ? '–' : JSON.stringify(feature.value)}${feature.unit === undefined || feature.value === null ? '' : ` ${feature.unit}`}`,
    feature.status,
    feature.default === undefined ? '' : `default ${JSON.stringify(feature.default)}`,
  ]);
  return `${[...lines, ...tableText(table).map((line) => `  ${line}`)].join('\n')}\n`;
}
