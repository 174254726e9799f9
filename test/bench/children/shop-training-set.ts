import { asChild } from '../child.js';
import { trainingSet } from '../shop/measured.js';

/** Builds a training set of a shop. */
await asChild(async (given: Parameters<typeof trainingSet>[0]) => ({ ready: await trainingSet(given) }));
