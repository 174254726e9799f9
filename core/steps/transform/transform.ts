import { z } from 'zod';
import { fieldsOf } from '../../data/feature-rows.js';
import { alias, reference } from '../../pipeline/schema.js';
import { scopeOf, type StepCompiler } from '../../pipeline/step-compiler.js';
import { defineVerb, type NodeDraft, type StepDefinition } from '../../pipeline/step-definition.js';
import { transform as transformPort, type TransformDescription } from '../../ports/transform.js';
import { ApplyTransform } from './apply-transform.js';
import type { TransformNode } from './node.js';

export const transformSchema = z.strictObject({
  transform: z.string().describe('a transform part'),
  as: alias,
  inputs: z
    .record(z.string(), reference)
    .default({})
    .describe("column for each input; default: the input's own"),
});

/** `transform`: a pure function over columns. */
export const transform: StepDefinition = defineVerb<typeof transformSchema, TransformNode>({
  verb: 'transform',
  schema: transformSchema,
  compile,
  parts: ({ part }) => ({ transform: { port: transformPort, part } }),
  offline: () => ({ how: 'same' }),
  summary: ({ part, identity }) => ({
    what: part,
    facts: { part },
    notes: [],
    identity: { source: identity },
  }),
  runs: ApplyTransform,
});

function compile(
  spec: z.output<typeof transformSchema>,
  compiler: StepCompiler,
): NodeDraft<TransformNode> | undefined {
  const part = compiler.part(spec.transform, transformPort, ['transform']);
  if (part === undefined) return void compiler.leaveOpen(spec.as ?? spec.transform);
  const { reads, writes, over = 'row' } = part.description as TransformDescription;
  const alias = compiler.alias(spec.as ?? spec.transform);
  const { bound, all } = compiler.inputs(reads, spec.inputs);
  if (alias === undefined) return undefined;
  const scope = scopeOf(bound);
  const outputs = fieldsOf(writes);
  const columns = compiler.writes(alias, outputs, scope);
  if (!all) return undefined;
  return {
    alias,
    scope,
    reads: bound,
    writes: columns,
    part: spec.transform,
    identity: part.identity,
    inputs: Object.keys(reads),
    outputs,
    over,
    effects: { afterSkips: true },
  };
}
