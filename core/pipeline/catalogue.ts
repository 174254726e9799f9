import type { Signature } from '../models/bundle.js';
import type { FeatureView } from '../views/view.js';
import type { PlanNode } from './plan.js';
import type { StepDefinition } from './step-definition.js';

/** A part as the compiler sees it: what it provides, and what it says of itself. */
export interface CataloguePart {
  readonly name: string;
  readonly ports: readonly string[];
  readonly description?: unknown;
}

/** All that a pipeline may refer to. */
export interface Catalogue {
  /** The verbs, in the order in which they were bound. */
  readonly verbs: readonly StepDefinition[];
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly parts: ReadonlyMap<string, CataloguePart>;
  /** Parts and views with mistakes of their own: what refers to them is no further mistake. */
  readonly broken: ReadonlySet<string>;
  /** `undefined` where it is not known yet; the plan is then incomplete. */
  signature(predictor: string): Signature | undefined;
  /** What a file exports that a step names by its relative path; `undefined` where a mistake has been reported. */
  imported(path: string): unknown;
  /** The service that a node's class needs injected, by itself or through what it is given, and that nothing binds. */
  missingService(node: PlanNode): { readonly service: string; readonly neededBy?: string } | undefined;
}
