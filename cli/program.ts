import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addAdoptCommand } from "./commands/adoption/adopt.ts";
import { addAuditCommand } from "./commands/audit.ts";
import { addCaCommands } from "./commands/ca.ts";
import type { Answering } from "./commands/command.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addMirrorCommands } from "./commands/deletions/mirror.ts";
import { addFailoverCommands } from "./commands/failover/failover.ts";
import { addForeignPlanCommands } from "./commands/foreign/foreign-plan.ts";
import { addGatewayCommands } from "./commands/gateway.ts";
import { addGroupCommands } from "./commands/group.ts";
import { addHelpCommand } from "./commands/help.ts";
import { addLocalCommands } from "./commands/local.ts";
import { addObjectCommands } from "./commands/object.ts";
import { addPlanCommands } from "./commands/plan.ts";
import { addCloneCommand } from "./commands/restores/clone.ts";
import { addRebuildCommand } from "./commands/restores/rebuild.ts";
import { addRollbackCommand } from "./commands/restores/rollback.ts";
import { addRunCommands } from "./commands/run.ts";
import { addSiteCommands } from "./commands/site.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTableCommands } from "./commands/table.ts";
import { addTokenCommands } from "./commands/token.ts";
import { addVolumeCommands } from "./commands/volume.ts";
import { configureHelp, type Screens } from "./help/help.ts";

/**
 * Every command with its options: what a command line is parsed by, and help, completion and the
 * man page are made of.
 */
export const createProgram = (host: Screens, answering: Answering): Command => {
  const program = new Command("smtx-backup")
    .description("Backup and disaster recovery for SMTX OS clusters.")
    .version(packageJson.version)
    .option("--json", "print one JSON document and nothing else; errors as JSON, too")
    .option("--dir <dir>", "the local environment's folder (SMTX_BACKUP_DIR; else .smtx-backup)")
    .option("--url <url>", "the API (SMTX_BACKUP_URL; else that of the local environment)")
    .option("--token-file <file>", "a file with the API's token (or the token in SMTX_BACKUP_TOKEN)");
  // Before the commands are added: they inherit it.
  configureHelp(program, host);
  addLocalCommands(program, answering);
  addCaCommands(program, answering);
  addGatewayCommands(program, answering);
  addSiteCommands(program, answering);
  addTokenCommands(program, answering);
  addTableCommands(program, answering);
  addObjectCommands(program, answering);
  addVolumeCommands(program, answering);
  addStatusCommand(program, answering);
  addPlanCommands(program, answering);
  addRunCommands(program, answering);
  addGroupCommands(program, answering);
  addMirrorCommands(program, answering);
  addAdoptCommand(program, answering);
  addRebuildCommand(program, answering);
  addRollbackCommand(program, answering);
  addCloneCommand(program, answering);
  addFailoverCommands(program, answering);
  addForeignPlanCommands(program, answering);
  addAuditCommand(program, answering);
  addCompletionCommand(program, answering);
  addHelpCommand(program, answering);
  return program;
};
