/** `service-plan`, `plan` → `ServicePlan`, `Plan`: a resource type's name as a Cedar entity type. */
export function entityTypeOf(resourceType: string): string {
  return resourceType
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}
