import type { ConfigPath } from '../config/mistake.js';
import { isKeyType, notKey } from '../data/types.js';
import { servedLog } from '../ports/served-log.js';
import { checkPart } from './catalogue.js';
import type { PlanColumn } from './plan.js';
import type { PipelineSpec } from './schema.js';
import type { CompileState } from './step-compiler.js';

/** Checks what the pipeline logs of its requests; the column that they are chosen by, where there is one. */
export function compileServed(
  { record, objects, response }: PipelineSpec,
  { catalogue, columns, mistakes }: CompileState,
  path: ConfigPath,
): PlanColumn | undefined {
  if (record === false || record.served === undefined) return undefined;
  const { in: part, by, objects: kept } = record.served;
  const at = [...path, 'record', 'served'];
  // Columns of a file are not told apart by case.
  const names = [
    ...columns.all.map(({ name }) => name),
    ...Object.keys(response.outputs).map((name) => `output.${name}`),
  ];
  const twin = names.find((name, i) => names.findIndex((other) => sameInFile(name, other)) < i);
  if (twin !== undefined)
    mistakes.add(
      at,
      `the columns "${names.find((other) => sameInFile(twin, other))}" and "${twin}" differ in case only, and files do not tell them apart: rename one`,
    );
  checkPart(part, servedLog, { catalogue, mistakes, path: [...at, 'in'] });
  if (kept !== undefined && objects === undefined)
    mistakes.add([...at, 'objects'], 'this pipeline has no objects');
  if (by === undefined) return undefined;
  const column = columns.resolve(by, { path: [...at, 'by'], mistakes });
  if (column === undefined) return undefined;
  if (!column.name.startsWith('request.'))
    mistakes.add(
      [...at, 'by'],
      `"${column.name}" is not a field of the request: which requests are kept must be known before any step has run`,
    );
  else if (!isKeyType(column.type))
    mistakes.add([...at, 'by'], `"${column.name}" cannot tell requests apart: ${notKey(column.type)}`);
  else columns.useAsKey(column);
  return column;
}

function sameInFile(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
