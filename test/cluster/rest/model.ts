import type {
  TowerGroup,
  TowerGroupSnapshot,
  TowerLabel,
  TowerLun,
  TowerLunSnapshot,
  TowerTarget,
} from "./entities.ts";
import { EntityTable, type TowerCluster, type TowerEntity } from "./entities.ts";
import { matches, type TowerWhere } from "./query.ts";
import { TowerRefusal } from "./refusal.ts";
import { TowerTasks } from "./tasks.ts";

/** All that one CloudTower knows of its clusters. */
export class TowerModel {
  readonly clusters: EntityTable<TowerCluster> = new EntityTable();
  readonly targets: EntityTable<TowerTarget> = new EntityTable();
  readonly luns: EntityTable<TowerLun> = new EntityTable();
  readonly lunSnapshots: EntityTable<TowerLunSnapshot> = new EntityTable();
  readonly groups: EntityTable<TowerGroup> = new EntityTable();
  readonly groupSnapshots: EntityTable<TowerGroupSnapshot> = new EntityTable();
  readonly labels: EntityTable<TowerLabel> = new EntityTable();
  readonly tasks: TowerTasks = new TowerTasks();
}

/** @throws TowerRefusal 404 */
export const need = <T extends { readonly id: string }>(table: EntityTable<T>, id: string): T => {
  const found = table.find(id);
  if (found === undefined) throw new TowerRefusal(404, `there is no ${id}`);
  return found;
};

/** What a change is for: at least one, as CloudTower has it. @throws TowerRefusal 404 */
export const chosen = <T extends TowerEntity>(table: EntityTable<T>, where: TowerWhere): readonly T[] => {
  const found = table.all().filter((entity) => matches(entity, where));
  if (found.length === 0) throw new TowerRefusal(404, `nothing is like ${JSON.stringify(where)}`);
  return found;
};

/** Bytes of what CloudTower takes with a unit; bytes where there is none. */
export const bytesOf = (size: number, unit: string | null | undefined): number =>
  size * 1000 ** Math.max(0, ["B", "KB", "MB", "GB", "TB", "PB"].indexOf(unit ?? "B"));
