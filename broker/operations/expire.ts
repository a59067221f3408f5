import { IsNull, LessThan } from 'typeorm';
import type { Job } from '../../src/job.js';
import { DashboardLink } from '../dashboard-link.js';
import type { BrokerDeps } from '../deps.js';
import { ServiceBinding } from '../service-binding.js';
import { TOMBSTONE_LIFETIME_MS, Tombstone } from '../tombstone.js';
import { lockInstance } from './rows.js';

const BATCH = 500;

/** Closes endpoints whose time is over and forgets old tombstones and links. Idempotent. */
export function expireJob(deps: BrokerDeps): Job {
  return {
    name: 'broker-expire',
    schedule: '*/10 * * * * *',
    async run(signal) {
      const now = new Date(deps.clock.nowMs());
      const due = await deps.dataSource.manager.find(ServiceBinding, {
        where: { expiresAt: LessThan(now), expiredAt: IsNull() },
        order: { expiresAt: 'ASC' },
        take: BATCH,
      });
      for (const binding of due) {
        if (signal.aborted) return;
        await close(deps, binding, now);
      }
      await deps.dataSource.manager.delete(Tombstone, {
        deletedAt: LessThan(new Date(now.getTime() - TOMBSTONE_LIFETIME_MS)),
      });
      await deps.dataSource.manager.delete(DashboardLink, { expiresAt: LessThan(now) });
    },
  };
}

async function close(deps: BrokerDeps, seen: ServiceBinding, now: Date): Promise<void> {
  await deps.dataSource.transaction(async (manager) => {
    await lockInstance(manager, seen.instanceId);
    const binding = await manager.findOneBy(ServiceBinding, {
      id: seen.id,
      resourceId: seen.resourceId,
      expiredAt: IsNull(),
    });
    if (!binding) return;
    if (binding.tokenHash) await deps.rpc.close(binding.id, manager);
    await manager.update(ServiceBinding, { id: binding.id }, { expiredAt: now });
    deps.logger.info({ instanceId: binding.instanceId, bindingId: binding.id }, 'binding expired');
  });
}
