import { asChild } from '../child.js';
import { trainingSetByHand } from '../shop/by-hand.js';

/** Builds the training set of a shop in one statement of DuckDB's. */
await asChild(async (given: Parameters<typeof trainingSetByHand>[0]) => ({
  ready: await trainingSetByHand(given),
}));
