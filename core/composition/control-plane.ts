import { VivaceError } from '../kernel/errors.js';
import { packageVersion } from '../kernel/package-version.js';
import { describePlan, type Plan } from '../pipeline/plan.js';
import type {
  ContractDifference,
  ControlPlane,
  PartStatus,
  ServedPredictor,
  ServerState,
} from '../ports/control-plane.js';
import type { Predictor } from '../ports/predictor.js';
import type { Telemetry } from '../ports/telemetry.js';
import type { FeatureView } from '../views/view.js';
import { bounded } from './bounded-call.js';
import { refused } from './call-gate.js';
import { predictorNamed } from './data-plane.js';
import { contractText, lockDifferences } from './features-lock.js';

/** What the control plane needs of its server. */
export interface ControlledServer {
  state(): ServerState;
  /** The parts that were started, where only some were. */
  startedOnly(): readonly string[];
  plans(): ReadonlyMap<string, Plan>;
  predictors(): readonly (readonly [name: string, part: Predictor])[];
  views(): ReadonlyMap<string, FeatureView>;
  parts(): readonly PartStatus[];
  telemetries(): readonly Telemetry[];
  /** Aborts when the server cuts off what is still in flight. */
  readonly cut: AbortSignal;
}

/** What operators of a server may ask of it, independent of any protocol. */
export function createControlPlane(server: ControlledServer): ControlPlane {
  const isRunning = (): boolean => ['ready', 'partial', 'draining'].includes(server.state());
  const predictors = (): readonly ServedPredictor[] =>
    isRunning() ? server.predictors().map(([name, part]) => statusOf(name, part)) : [];
  const models: ControlPlane['models'] = () =>
    predictors().flatMap(({ name, serving }) =>
      serving === undefined ? [] : [{ predictor: name, ...serving }],
    );
  const contracts = (): readonly ContractDifference[] => {
    // Keys: names of predictors.
    const locks = new Map(predictors().map(({ name, featuresLock }) => [name, featuresLock]));
    return lockDifferences(server.plans().values(), (name) => locks.get(name))
      .filter(({ kind }) => kind === 'contract')
      .map(({ pipeline, step, predictor, view }) => ({ pipeline, step, predictor, view }));
  };
  return {
    get state() {
      return server.state();
    },
    readiness() {
      const served = predictors();
      const reasons = reasonsOf(server, served);
      const differences = contracts().map(
        (each) =>
          `contract: ${each.pipeline}.${each.step}: the model of predictor "${each.predictor}" ${contractText(each)}`,
      );
      return {
        ready: reasons.length === 0,
        reasons,
        details: [...served.flatMap(detailsOf), ...differences],
      };
    },
    parts: () => server.parts(),
    predictors,
    models,
    contracts,
    plans: () => Object.fromEntries([...server.plans()].map(([name, plan]) => [name, describePlan(plan)])),
    views: () => server.views(),
    info: () => ({
      name: 'vivace',
      version: packageVersion,
      state: server.state(),
      pipelines: [...server.plans().keys()],
      models: models(),
      predictors: predictors(),
      contracts: contracts(),
      parts: Object.fromEntries(server.parts().map(({ name, use }) => [name, use])),
      views: Object.fromEntries([...server.views()].map(([name, view]) => [name, view.hash])),
    }),
    async scrape(context) {
      for (const part of server.telemetries()) {
        const scraped = await part.scrape(context);
        if (scraped !== undefined) return scraped;
      }
      return undefined;
    },
    async refresh(name, call) {
      if (!isRunning()) throw refused(server.state());
      const part = predictorNamed(server.predictors(), name);
      if (part.refresh === undefined)
        throw new VivaceError('UNIMPLEMENTED', `predictor "${name}" does not follow a repository`);
      const refresh = part.refresh.bind(part);
      await bounded(call, server.cut, (within) => Promise.resolve(refresh(within)));
      return statusOf(name, part);
    },
  };
}

function reasonsOf(server: ControlledServer, predictors: readonly ServedPredictor[]): readonly string[] {
  const state = server.state();
  if (state === 'partial') return [partialMessage(server.startedOnly())];
  if (state !== 'ready') return [`the server is ${state}`];
  return predictors
    .filter(({ serving }) => serving === undefined)
    .map(({ name }) => `predictor "${name}" has no loaded model`);
}

function statusOf(name: string, part: Predictor): ServedPredictor {
  return { name, ...(part.status?.() ?? { serving: part.serving() }) };
}

/** What operators should know of a predictor that answers. */
function detailsOf({ name, serving, wanted, lastKnown, lastFailure, instances }: ServedPredictor): string[] {
  if (serving === undefined) return [];
  const served = `predictor "${name}" serves ${serving.name} ${serving.version}`;
  const why = lastFailure === undefined ? '' : `: ${lastFailure.code} ${lastFailure.message}`;
  const details: string[] = [];
  if (lastKnown === true)
    details.push(`last-known: ${served} from its disk, because its repository does not answer${why}`);
  else if (wanted !== undefined && wanted !== serving.version)
    details.push(`behind: ${served}, not ${wanted}${why}`);
  if (instances !== undefined && instances.loaded < instances.wanted)
    details.push(`instances: predictor "${name}" has ${instances.loaded} of ${instances.wanted}`);
  return details;
}

/** Why a server with only some of its parts started answers no request. */
export function partialMessage(started: readonly string[]): string {
  return `only some parts were started (${started.join(', ')}): to answer requests, start the server with \`start\`, not \`startOnly\``;
}
