import { withArticle } from '../config/article.js';
import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import type { Excused } from '../config/parse.js';
import type { Signature } from '../models/bundle.js';
import type { Port } from '../ports/port.js';
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

/** The part of a name, which must provide a port; a mistake where it does not. */
export function checkPart(
  name: string,
  port: Port,
  { catalogue, mistakes, path }: { catalogue: Catalogue; mistakes: Mistakes; path: ConfigPath },
): CataloguePart | undefined {
  const part = catalogue.parts.get(name);
  if (part?.ports.includes(port.name) === true) return part;
  if (catalogue.broken.has(name)) return undefined;
  const fitting = partsOf(port, catalogue);
  mistakes.add(
    path,
    part === undefined
      ? `there is no ${port.name} part "${name}"${didYouMean(name, fitting)}`
      : `"${name}" is not ${withArticle(port.name)} but ${withArticle(part.ports.join(', '))}${didYouMean(name, fitting)}`,
  );
  return undefined;
}

/** The names of the parts that provide a port. */
export function partsOf(port: Port, { parts }: Catalogue): string[] {
  return [...parts.values()].filter(({ ports }) => ports.includes(port.name)).map(({ name }) => name);
}
