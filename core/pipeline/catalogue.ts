import type { Signature } from '../models/bundle.js';
import type { FeatureView } from '../views/view.js';
import type { PlanNode } from './plan.js';
import type { StepDefinition } from './step-definition.js';

/** A part as the compiler sees it: what it provides, and what it says of itself. */
export interface CataloguePart {
  readonly name: string;
  readonly ports: readonly string[];
  readonly description?: unknown;
  /** What it is and with which options, as a text; secrets are hidden. What stores and adapters it stands on is not part of it. */
  readonly identity: string;
}

/** All that a pipeline may refer to. */
export interface Catalogue {
  /** The verbs, in the order in which they were bound. */
  readonly verbs: readonly StepDefinition[];
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly parts: ReadonlyMap<string, CataloguePart>;
  /** Parts and views with mistakes of their own: a reference to them is not a further mistake. */
  readonly broken: ReadonlySet<string>;
  /** `undefined` where it is not known yet; the plan is then incomplete. */
  signature(predictor: string): Signature | undefined;
  /** What a file exports that a step names by its relative path; `undefined` where a mistake has been reported. */
  imported(path: string): unknown;
  /** What is wrong with what the class that runs a node has injected, by itself or through what it is given. */
  wrongStep(node: PlanNode): WrongInjection | undefined;
}

/** A class cannot have injected what it needs. */
export interface WrongInjection {
  /** The rest of a sentence that begins with the class. */
  readonly what: string;
  /** The class, where the container says which. */
  readonly neededBy?: string;
}
