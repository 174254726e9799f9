import { resolveUse } from 'vivace';
import { optionsTable, schemaTable } from './options-table.js';
import { admissionOptions } from '../../core/composition/admission-options.js';
import { builtInNames } from '../../core/composition/resolve-use.js';
import { type z } from 'zod';
import { slotPort } from '../../core/parts/definition.js';
import { fieldSpec, pipelineSchema } from '../../core/pipeline/schema.js';
import { cacheSpec } from '../../core/steps/cache/schema.js';
import { customSchema } from '../../core/steps/custom/custom.js';
import { fetchSchema } from '../../core/steps/fetch/schema.js';
import { predictSchema } from '../../core/steps/predict/schema.js';
import { transformSchema } from '../../core/steps/transform/transform.js';
import { faults, type FaultTable } from '../servers/faults.js';
import { aggregateFeature, plainFeature, viewSchema, viewSource } from '../../core/views/schema.js';
import { operationKeys, portsReference } from './ports-reference.js';
import { repositoryFiles, root } from './repository.js';

/** Pages with tables of their own, beside those of the parts. */
const otherPages: readonly string[] = ['docs/configuration.md', 'docs/testing-vivace.md', 'docs/ports.md'];

const marked = /(<!-- (?:options|table):([a-z0-9-]+) -->\n)([\s\S]*?)(<!-- \/(?:options|table) -->)/g;

/** Pages that hold generated blocks. */
export function generatedPages(): string[] {
  return repositoryFiles().filter(
    (path) => otherPages.includes(path) || /^docs\/(plugins|adapters)\/[^/]+\.md$/.test(path),
  );
}

/** The page as it should be: each `<!-- options:NAME -->` or `<!-- table:NAME -->` block filled from the schemas. */
export async function regenerate(text: string): Promise<string> {
  const tables = await allTables();
  return text.replace(marked, (_, open: string, name: string, _before, close: string) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`nothing generates the block "${name}"`);
    return `${open}\n${table}\n\n${close}`;
  });
}

let known: Promise<ReadonlyMap<string, string>> | undefined;

function allTables(): Promise<ReadonlyMap<string, string>> {
  known ??= makeTables();
  return known;
}

async function makeTables(): Promise<ReadonlyMap<string, string>> {
  const definitions = await Promise.all(builtInNames().map((name) => resolveUse(name, root)));
  const blocks: Readonly<Record<string, z.ZodObject>> = {
    admission: admissionOptions,
    view: viewSchema,
    'view-source': viewSource,
    feature: plainFeature,
    aggregate: aggregateFeature,
    pipeline: pipelineSchema,
    field: fieldSpec.options[1],
    fetch: fetchSchema,
    transform: transformSchema,
    predict: predictSchema,
    step: customSchema,
    'step-cache': cacheSpec,
    objects: pipelineSchema.shape.objects.unwrap(),
    response: pipelineSchema.shape.response,
  };
  return new Map([
    ...definitions.map((definition) => [definition.name, optionsTable(definition)] as const),
    ...Object.entries(blocks).map(([name, schema]) => [name, schemaTable(schema)] as const),
    ['parts', await partsIndex()],
    ['faults', await faultsTable()],
    ['operation-keys', operationKeys()],
    ['ports', await portsReference()],
  ]);
}

async function partsIndex(): Promise<string> {
  const rows = await Promise.all(
    builtInNames().map(async (name) => {
      const { provides, uses, tier } = await resolveUse(name, root);
      const slots = Object.entries(uses).map(([slot, spec]) => {
        const { port, optional } = slotPort(spec);
        return `\`${slot}\`: ${port.name}${optional ? ' (optional)' : ''}`;
      });
      const page = `${tier === 'adapter' ? 'adapters' : 'plugins'}/${name}.md`;
      return `| [${name}](${page}) | ${provides.map((port) => port.name).join(', ')} | ${slots.join(', ')} |`;
    }),
  );
  return [
    '| `use` | provides | slots |',
    '|---|---|---|',
    ...rows.map((row) => row.replaceAll('  ', ' ')),
  ].join('\n');
}

/** Per adapter: what each fault does to it, which is the title of a test, or why it cannot happen. */
async function faultsTable(): Promise<string> {
  const names = repositoryFiles().flatMap((path) => /^test\/faults\/([a-z0-9-]+)\.ts$/.exec(path)?.[1] ?? []);
  const tables = await Promise.all(
    names.map(async (name) => {
      const module = (await import(`../faults/${name}.js`)) as Record<string, FaultTable>;
      const table = module[`${name}Faults`];
      // What several adapters' faults share is no table.
      if (table === undefined) return undefined;
      const rows = faults.map((fault) => {
        const entry = table[fault];
        return `| ${fault} | ${'none' in entry ? `*no test*: ${entry.none}` : entry.outcome} |`;
      });
      return [`#### ${name}`, '', '| fault | what follows |', '|---|---|', ...rows].join('\n');
    }),
  );
  return tables.filter((table) => table !== undefined).join('\n\n');
}
