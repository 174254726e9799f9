import type { Server } from '../composition/server-interface.js';

/** A predictor of a configuration that serves a model of a repository. */
export interface ModelUser {
  /** The name of the model, without version and alias. */
  readonly model: string;
  /** The parts in its slots. */
  readonly slots: readonly string[];
}

/** The predictors that serve models of a repository. */
export function usersOf({ bindings }: Server, repository: string): readonly ModelUser[] {
  return bindings.flatMap(({ ports, slots, options }) => {
    const { model } = options as { readonly model?: unknown };
    const parts = Object.values(slots);
    return ports.includes('predictor') && parts.includes(repository) && typeof model === 'string'
      ? [{ model: model.split('@')[0]!, slots: parts }]
      : [];
  });
}
