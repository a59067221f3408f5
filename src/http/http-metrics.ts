import { Histogram, type Registry } from 'prom-client';

export interface HttpMetrics {
  observe(method: string, path: string, status: number, seconds: number): void;
}

/** The public surface's areas; a label must not grow with what callers send. */
const AREAS = new Set([
  'v2',
  'authz',
  'keys',
  'fleet',
  'assignments',
  'eth',
  'api',
  'sandbox',
  'console',
  'metrics',
  'livez',
  'readyz',
]);
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const duration = new Histogram({
    name: 'ovsb_http_request_duration_seconds',
    help: 'Time from the request to the end of its answer, without /rpc',
    labelNames: ['method', 'area', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  return {
    observe(method, path, status, seconds) {
      const area = path.split('/')[1] ?? '';
      const labels = { method: METHODS.has(method) ? method : 'other', area: AREAS.has(area) ? area : 'other', status };
      duration.observe(labels, seconds);
    },
  };
}
