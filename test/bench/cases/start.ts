import type { BenchCase } from '../bench-case.js';
export const benchCase: BenchCase = { title: 'todo', run: async () => [] };
