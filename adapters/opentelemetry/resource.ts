import type { Resource } from '@opentelemetry/resources';
import { loadSdk } from 'vivace/kit';

/** The name of the service: `serviceName`, or OTEL_SERVICE_NAME, or service.name of OTEL_RESOURCE_ATTRIBUTES, or `vivace`. */
export async function makeResource(serviceName: string | undefined): Promise<Resource> {
  const sdk = await loadSdk('@opentelemetry/resources', async () => import('@opentelemetry/resources'));
  const named = (name: string): Resource => sdk.resourceFromAttributes({ 'service.name': name });
  const resource = sdk
    .defaultResource()
    .merge(named('vivace'))
    .merge(sdk.detectResources({ detectors: [sdk.envDetector] }));
  return serviceName === undefined ? resource : resource.merge(named(serviceName));
}
