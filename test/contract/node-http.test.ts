import { nodeHttp } from 'vivace/adapters/node-http';
import { httpClientContract, makePart } from 'vivace/testing';

describe('node-http', () => {
  httpClientContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(nodeHttp),
  });
});
