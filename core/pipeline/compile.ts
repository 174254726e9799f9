import { withArticle } from '../config/article.js';
import { didYouMean, nearest, nearestHint } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import type { FromEnvironment } from '../config/parse.js';
import type { Scope } from '../data/frame.js';
import { parseType } from '../data/types.js';
import { ColumnTable } from './column-table.js';
import type { Catalogue } from './catalogue.js';
import { compileResponse } from './compile-response.js';
import { compileServed } from './compile-served.js';
import type { Plan, PlanColumn, PlanField } from './plan.js';
import type { FieldInput, PipelineSpec } from './schema.js';
import { longestKeyText, longestText } from './text-limits.js';
import { maskOf, StepCompiler, type CompileState } from './step-compiler.js';

/**
 * Compiles a pipeline to a plan: resolves every reference, infers scopes and dependencies, checks types.
 *
 * @returns `undefined` where there were mistakes; all of them are in `mistakes`.
 */
export function compilePipeline(
  name: string,
  spec: PipelineSpec,
  {
    catalogue,
    path,
    mistakes,
    environment,
  }: { catalogue: Catalogue; path: ConfigPath; mistakes: Mistakes; environment?: FromEnvironment },
): Plan | undefined {
  const before = mistakes.list.length;
  const columns = new ColumnTable();
  const fieldsOf = (given: Readonly<Record<string, FieldInput>>, scope: Scope, at: ConfigPath): PlanField[] =>
    compileFields(given, scope, { columns, path: [...path, ...at], mistakes });
  const request = fieldsOf(spec.request, 'request', ['request']);
  const objects =
    spec.objects === undefined
      ? undefined
      : { fields: fieldsOf(spec.objects.fields, 'object', ['objects', 'fields']), max: spec.objects.max };
  const timeColumn = columns.add('time', parseType('timestamp'), 'request');
  const time = compileTime(spec, columns, { path, mistakes });
  const state: CompileState = {
    catalogue,
    columns,
    mistakes,
    ...(environment === undefined ? {} : { environment }),
    nodes: [],
    hasObjects: objects !== undefined,
    skipping: [],
    masks: [],
    fetches: 0,
    complete: true,
  };
  compileSteps(spec.steps, state, path);
  const response = compileResponse(spec, state, [...path, 'response']);
  const servedBy = compileServed(spec, state, path);
  if (mistakes.list.length > before || response === undefined) return undefined;
  const limited = (field: PlanField): PlanField => withLimit(field, columns.isKey(field.place));
  return {
    name,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    request: request.map(limited),
    ...(objects === undefined ? {} : { objects: { ...objects, fields: objects.fields.map(limited) } }),
    ...(time === undefined ? {} : { time }),
    timeColumn,
    deadlineMs: spec.deadlineMs,
    explain: spec.explain,
    record: spec.record,
    ...(servedBy === undefined ? {} : { servedBy }),
    columns: columns.all,
    elements: columns.elements,
    fetches: state.fetches,
    skips: state.skipping.length,
    masks: state.masks,
    ...(state.skipping.length === 0 ? {} : { answerMask: maskOf(state.masks, [...state.skipping.keys()]) }),
    nodes: state.nodes,
    response,
    complete: state.complete,
  };
}

/**
 * Checks the steps of a pipeline whose other keys have mistakes, so that all are reported at once. Which fields there are is not known, so
 * no reference to a column is a mistake.
 */
export function checkSteps(
  steps: unknown,
  {
    catalogue,
    path,
    mistakes,
    environment,
  }: { catalogue: Catalogue; path: ConfigPath; mistakes: Mistakes; environment?: FromEnvironment },
): void {
  if (!Array.isArray(steps)) return;
  const columns = new ColumnTable();
  columns.leaveAllOpen('object', { fields: true });
  const state: CompileState = {
    catalogue,
    columns,
    mistakes,
    ...(environment === undefined ? {} : { environment }),
    nodes: [],
    hasObjects: true,
    skipping: [],
    masks: [],
    fetches: 0,
    complete: false,
  };
  compileSteps(steps as readonly unknown[], state, path);
}

function compileSteps(steps: readonly unknown[], state: CompileState, path: ConfigPath): void {
  steps.forEach((raw, i) => {
    // What is not a block of keys has been reported with the pipeline.
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return;
    const at = [...path, 'steps', i];
    const compiler = new StepCompiler(state, at, i);
    const before = state.mistakes.list.length;
    const nodes = state.nodes.length;
    const step = raw as Readonly<Record<string, unknown>>;
    state.mistakes.attempt(at, () => compileStep(step, state, compiler));
    if (state.mistakes.list.length === before && state.nodes.length > nodes) return;
    for (const name of namesOf(step, state.catalogue)) compiler.leaveOpenAfter(name);
  });
}

/** The names that a step with mistakes may have meant to have: what stands after its verb, or its alias, also where that key is misspelt. */
function namesOf(step: Readonly<Record<string, unknown>>, { verbs }: Catalogue): readonly unknown[] {
  const verb = verbs.find((known) => Object.hasOwn(step, known.verb))?.verb;
  const isAlias = (key: string): boolean => nearest(key, ['as']) !== undefined;
  const aliases = Object.keys(step).filter((key) => key !== 'as' && isAlias(key));
  return [step['as'] ?? step[verb ?? meantVerb(step, verbs)], ...aliases.map((key) => step[key])];
}

/** The key of a step without a verb that was probably meant to be one: the nearest to a verb, else the first that no verb has. */
function meantVerb(step: Readonly<Record<string, unknown>>, verbs: Catalogue['verbs']): string {
  const keys = Object.keys(step);
  const names = verbs.map(({ verb }) => verb);
  // Keys: options of verbs.
  const options = new Set(verbs.flatMap(({ schema }) => Object.keys(schema.shape)));
  return (
    keys.find((key) => nearest(key, names) !== undefined) ??
    keys.find((key) => !options.has(key)) ??
    keys[0] ??
    ''
  );
}

function compileFields(
  fields: Readonly<Record<string, FieldInput>>,
  scope: Scope,
  { columns, path, mistakes }: { columns: ColumnTable; path: ConfigPath; mistakes: Mistakes },
): PlanField[] {
  return Object.entries(fields).map(([name, spec]) => {
    const full = typeof spec === 'string' ? { type: spec } : spec;
    const type = parseType(full.type);
    const column = columns.add(`${scope}.${name}`, type, scope);
    const maxLength = 'maxLength' in full ? full.maxLength : undefined;
    if (maxLength !== undefined && type.element !== 'string')
      mistakes.add([...path, name, 'maxLength'], `${withArticle(type.name)} has no length: it is for texts`);
    return {
      name,
      type,
      optional: 'optional' in full && full.optional === true,
      place: column.place,
      ...('description' in full && full.description !== undefined ? { description: full.description } : {}),
      ...('unit' in full && full.unit !== undefined ? { unit: full.unit } : {}),
      ...(maxLength === undefined ? {} : { maxLength }),
    };
  });
}

/** A field of texts has a limit, its own or the default. */
function withLimit(field: PlanField, isKey: boolean): PlanField {
  if (field.type.element !== 'string' || field.maxLength !== undefined) return field;
  return { ...field, maxLength: isKey ? longestKeyText : longestText };
}

function compileTime(
  spec: PipelineSpec,
  columns: ColumnTable,
  { path, mistakes }: { path: ConfigPath; mistakes: Mistakes },
): PlanColumn | undefined {
  if (spec.time === undefined) return undefined;
  const column = columns.find(spec.time);
  if (!column?.name.startsWith('request.')) {
    mistakes.add(
      [...path, 'time'],
      `"${spec.time}" is not a field of the request${didYouMean(spec.time, columns.names('request.'))}`,
    );
    return undefined;
  }
  if (column.type.name !== 'timestamp') {
    mistakes.add([...path, 'time'], `"${spec.time}" is ${withArticle(column.type.name)}, not a timestamp`);
    return undefined;
  }
  return column;
}

function compileStep(
  raw: Readonly<Record<string, unknown>>,
  { catalogue }: CompileState,
  compiler: StepCompiler,
): void {
  if (Object.hasOwn(raw, 'record')) {
    return compiler.mistake(
      ['record'],
      '`record` is not a step: write it beside `steps`, or leave it out, since metrics are on by default',
    );
  }
  const verbs = catalogue.verbs.map(({ verb }) => verb);
  const [definition, ...more] = catalogue.verbs.filter(({ verb }) => Object.hasOwn(raw, verb));
  if (definition === undefined) {
    const meant = meantVerb(raw, catalogue.verbs);
    return compiler.mistake(
      [],
      meant === ''
        ? `an empty step: write one of ${verbs.join(', ')}`
        : `a step is one of ${verbs.join(', ')}, not "${meant}"${nearestHint(meant, verbs)}`,
    );
  }
  if (more.length > 0) {
    const found = [definition, ...more].map(({ verb }) => verb);
    return compiler.mistake([], `one step does one thing, not ${found.join(' and ')}: make two steps`);
  }
  const spec = compiler.parse(definition.schema, raw);
  const node = spec === undefined ? undefined : definition.compile(spec, compiler);
  if (node !== undefined) compiler.add(definition, node);
}
