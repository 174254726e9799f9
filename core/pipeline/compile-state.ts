import type { Mistakes } from '../config/mistake.js';
import type { FromEnvironment } from '../config/parse.js';
import type { Field } from '../data/feature-rows.js';
import type { Scope } from '../data/frame.js';
import type { Signature } from '../models/bundle.js';
import type { FeatureView } from '../views/view.js';
import type { ColumnTable } from './column-table.js';
import type { PlanColumn, PlanNode } from './plan.js';
import type { StepType } from '../steps/custom/step.js';

/** A part as the compiler sees it: what it provides, and what it says of itself. */
export interface CataloguePart {
  readonly name: string;
  readonly ports: readonly string[];
  readonly description?: unknown;
}

/** All that a pipeline may refer to. */
export interface Catalogue {
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly parts: ReadonlyMap<string, CataloguePart>;
  /** Parts and views with mistakes of their own: what refers to them is no further mistake. */
  readonly broken: ReadonlySet<string>;
  /** `undefined` where it is not known yet; the plan is then incomplete. */
  signature(predictor: string): Signature | undefined;
  /** Step types by what stands after `step:`; `undefined` where a mistake has been reported. */
  stepType(step: unknown): StepType | undefined;
}

/** What the compilers of single steps share. */
export interface CompileState {
  readonly catalogue: Catalogue;
  readonly columns: ColumnTable;
  readonly mistakes: Mistakes;
  readonly environment?: FromEnvironment;
  readonly nodes: PlanNode[];
  readonly hasObjects: boolean;
  fetches: number;
  complete: boolean;
}

/** Fields as nodes write them: `alias.name` columns of one scope. */
export function writeColumns(
  alias: string,
  fields: readonly Field[],
  { scope, columns }: { scope: Scope; columns: ColumnTable },
): PlanColumn[] {
  return fields.map((field) => columns.add(`${alias}.${field.name}`, field.type, scope));
}
