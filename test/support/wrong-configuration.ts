import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadServer } from 'vivace';
import { thrownBy } from './scripted.js';

/** What is wrong, a configuration, and the lines of its error without the name of the file. */
export type Wrong = readonly [what: string, yaml: string, lines: readonly string[]];

const indented = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');

const parts = 'hot: { use: memory }\nonline: { use: online-store, store: hot }\ncal: { use: calendar }';
const views = 'price:\n  store: online\n  entity: { item: string }\n  features: { euro: { type: float64 } }';

/** A configuration of one view and one pipeline, some of its texts replaced. */
export function configuration(
  changed: Readonly<
    Partial<Record<'parts' | 'views' | 'pipelines' | 'steps' | 'response' | 'more', string>>
  > = {},
): string {
  const steps = indented(changed.steps ?? '- fetch: price', 4);
  const response = indented(changed.response ?? 'response: { outputs: { y: price.euro } }', 2);
  const pipeline = `p:\n  request: { item: string, at: timestamp }\n  steps:\n${steps}\n${response}`;
  return [
    `parts:\n${indented(changed.parts ?? parts, 2)}`,
    `views:\n${indented(changed.views ?? views, 2)}`,
    `pipelines:\n${indented(changed.pipelines ?? pipeline, 2)}`,
    changed.more ?? '',
  ].join('\n\n');
}

/** The configuration with one more part, in line 5. */
export function withPart(part: string): string {
  return configuration({ parts: `${parts}\n${part}` });
}

/** The configuration with other steps, from line 16. */
export function withSteps(steps: string): string {
  return configuration({ steps });
}

/** Declares a test per configuration: every line of its error, with file, line, path, value, and what to do. */
export function refuses(
  wrong: readonly Wrong[],
  {
    files = {},
    env = {},
  }: { readonly files?: Record<string, string>; readonly env?: Record<string, string> } = {},
): void {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-wrong-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  for (const [what, yaml, lines] of wrong) {
    it(what, async () => {
      const file = join(directory, 'vivace.yaml');
      writeFileSync(file, yaml);
      const error = await thrownBy(loadServer(file, { env }));
      expect(error).to.be.instanceOf(ConfigError);
      expect(error.message.replaceAll(directory, 'DIR').split('\n')).to.deep.equal(
        lines.map((line) => `vivace.yaml:${line}`),
      );
    });
  }
}
