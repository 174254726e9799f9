import type { Excused } from '../config/parse.js';
import type { Signature } from '../models/bundle.js';
import type { FeatureView } from '../views/view.js';
import type { PlanNode } from './plan.js';
import type { StepDefinition } from './step-definition.js';

/** A part as the compiler sees it: what it provides, and what it says of itself. */
export interface CataloguePart {
  readonly name: string;
  readonly ports: readonly string[];
  readonly description?: unknown;
  /** Its definition and options, as a text; secrets are hidden. The stores and adapters that it uses are not part of it. */
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
  /** References to something whose name is a mistake of its own. */
  readonly excused: Excused;
  /** `undefined` where it is not known yet; the plan is then incomplete. */
  signature(predictor: string): Signature | undefined;
  /** What the file exports that a step names by its relative path; `undefined` where a mistake has been reported. */
  imported(path: string): unknown;
  /** What is wrong with the injections of a node's class: its own, or those of what it is given. */
  wrongStep(node: PlanNode): WrongInjection | undefined;
}

/** A class cannot get what it needs injected. */
export interface WrongInjection {
  /** The rest of a sentence that begins with the class. */
  readonly what: string;
  /** The class, where the container says which. */
  readonly neededBy?: string;
}
