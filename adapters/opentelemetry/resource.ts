import type { Resource } from '@opentelemetry/resources';
import { randomUUID } from 'node:crypto';
import { loadSdk, packageVersion } from 'vivace/kit';

/**
 * What sends the telemetry. Each attribute is that of the options, else that of the environment (OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES), else a default: the name `vivace`, the version of Vivace, and an instance id that no other process has.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/resource/service/
 */
export async function makeResource({
  serviceName,
  serviceVersion,
}: {
  readonly serviceName?: string | undefined;
  readonly serviceVersion?: string | undefined;
}): Promise<Resource> {
  const sdk = await loadSdk('@opentelemetry/resources', async () => import('@opentelemetry/resources'));
  const of = (attributes: Readonly<Record<string, string>>): Resource =>
    sdk.resourceFromAttributes(attributes);
  return sdk
    .defaultResource()
    .merge(
      of({
        'service.name': 'vivace',
        'service.version': packageVersion,
        'service.instance.id': randomUUID(),
      }),
    )
    .merge(sdk.detectResources({ detectors: [sdk.envDetector] }))
    .merge(
      of({
        ...(serviceName === undefined ? {} : { 'service.name': serviceName }),
        ...(serviceVersion === undefined ? {} : { 'service.version': serviceVersion }),
      }),
    );
}
