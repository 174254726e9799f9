import { parseWith } from '../config/parse.js';
import { fieldsOf } from '../data/feature-rows.js';
import { slotPort } from '../parts/definition.js';
import type { TransformDescription } from '../ports/transform.js';
import { aliasOf, bindInputs, leaveOpen, needsPort, push, scopeOf, type At } from './binding.js';
import { writeColumns } from './compile-state.js';
import type { CustomSpec, TransformSpec } from './schema.js';

/** A pure function over columns. */
export function compileTransform(spec: TransformSpec, at: At): void {
  const { state, path } = at;
  const part = needsPort(spec.transform, 'transform', [...path, 'transform'], at);
  if (part === undefined) return leaveOpen(spec.as ?? spec.transform, at);
  const description = part.description as TransformDescription;
  const alias = aliasOf(spec.as ?? spec.transform, at);
  const reads = bindInputs(description.reads, spec.inputs, at);
  if (alias === undefined) return;
  const scope = scopeOf(reads.bound);
  const outputs = fieldsOf(description.writes);
  if (!reads.all) return void writeColumns(alias, outputs, { scope, columns: state.columns });
  push(at, reads.bound, writeColumns(alias, outputs, { scope, columns: state.columns }), {
    verb: 'transform',
    alias,
    scope,
    part: spec.transform,
    inputs: Object.keys(description.reads),
    outputs,
    over: description.over ?? 'row',
  });
}

/** A step of the team's own. */
export function compileCustom(spec: CustomSpec, at: At): void {
  const { state, path } = at;
  const { mistakes } = state;
  const { step, as, inputs, ...rest } = spec;
  const type = mistakes.attempt([...path, 'step'], () => state.catalogue.stepType(step));
  if (type === undefined) return as === undefined ? undefined : leaveOpen(as, at);
  const alias = aliasOf(as ?? type.name.replaceAll('-', '_'), at);
  const uses: Record<string, string | undefined> = {};
  const options: Record<string, unknown> = { ...rest };
  for (const [slot, declared] of Object.entries(type.uses)) {
    const { port, optional } = slotPort(declared);
    const name = options[slot];
    delete options[slot];
    if (name === undefined && optional) continue;
    if (typeof name !== 'string')
      mistakes.add([...path, slot], `is missing: the name of a ${port.name} part`);
    else if (needsPort(name, port.name, [...path, slot], at) !== undefined) uses[slot] = name;
  }
  const { environment } = state;
  const parsed = parseWith(type.options, options, {
    path,
    mistakes,
    ...(environment === undefined ? {} : { environment }),
  });
  const reads = bindInputs(type.reads, inputs, at);
  if (alias === undefined) return;
  const scope = scopeOf(reads.bound);
  const outputs = fieldsOf(type.writes);
  if (!reads.all || parsed === undefined)
    return void writeColumns(alias, outputs, { scope, columns: state.columns });
  push(at, reads.bound, writeColumns(alias, outputs, { scope, columns: state.columns }), {
    verb: 'step',
    alias,
    scope,
    type,
    options: parsed,
    uses,
    inputs: Object.keys(type.reads),
    outputs,
    over: type.over ?? 'row',
    offline: type.offline,
  });
}
