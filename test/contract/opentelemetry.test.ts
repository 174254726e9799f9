import { opentelemetry } from 'vivace/adapters/opentelemetry';
import { makePart, telemetryContract } from 'vivace/testing';

describe('opentelemetry', () => {
  telemetryContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(opentelemetry),
  });
});
