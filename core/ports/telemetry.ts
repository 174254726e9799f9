import { adapterPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

/**
 * Sets up OpenTelemetry's global providers in `start`, before any other part starts. Where neither it nor the application sets a tracer
 * provider, Vivace makes no spans.
 */
export interface Telemetry {
  /** The metrics in a text format for a scraper, where this part offers one. */
  scrape(context: CallContext): Promise<{ readonly contentType: string; readonly body: string } | undefined>;
  /** Hands over what is buffered. */
  flush(context: CallContext): Promise<void>;
}

export const telemetry = adapterPort<Telemetry>('telemetry', {
  scrape: { quiet: true },
  flush: { quiet: true },
});
