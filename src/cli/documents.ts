/** `docs/cli.md`: what `--help` says of every command, in one page. */
import type { Command } from 'commander'
import { EXIT_MEANINGS } from './failure.ts'
import { buildProgram } from './program.ts'

export function cliDocument(): string {
  const program = buildProgram(() => async () => {}, process, '').configureOutput({ getOutHelpWidth: () => 100 })
  return `# Command line

<!-- Made by scripts/generate-cli-docs.ts from the commands themselves; a test compares them. -->

\`npx artifactstore …\` in a checkout, \`artifactstore …\` when installed. All commands are clients of the HTTP API, except \`serve\`,
\`migrate\`, \`replay\`, \`verify-views\` and \`verify-log\`, which open the store itself, and \`config\`, which reads its configuration.

## Exit codes

| Code | Meaning |
|---|---|
${Object.entries(EXIT_MEANINGS)
  .map(([code, meaning]) => `| ${code} | ${meaning} |`)
  .join('\n')}

## Output

Results go to stdout; errors, warnings, notes and progress to stderr. With \`--json\` stdout carries one JSON document (for
\`events\` one a line, the last one \`{"next_cursor": …}\`), and an error is one problem document (RFC 9457) on stderr: the server's
own where it sent one, with the member \`exit_code\` added. Warnings are \`{"warning": …}\` lines on stderr. With \`--quiet\`, \`push\`
prints the package id only.

## Interruptions

\`push\` and \`pull\` go on by themselves when the server goes away for up to a minute at a time, and a second run goes on where a killed
one stopped: a push of the same content finds its own draft (for 24 hours on another machine) and sends only what the server lacks, a pull keeps partial files
named \`.artifactstore-….part\` beside their targets. A push from standard input cannot be resumed by a second run.

## What a push keeps

Regular files with their permission bits (no set-id and sticky bits), in byte order of their paths. A symbolic link to a file inside the folder is
stored as that file's content; other links, sockets, pipes, devices and names that are not UTF-8 are refused by name. Empty
folders cannot be kept and are reported. Files that change meanwhile fail the push (exit 7).

${sections(program)
  .map(({ title, help }) => `## ${title}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``)
  .join('\n\n')}
`
}

function sections(command: Command, before = ''): { title: string; help: string }[] {
  const title = `${before}${command.name()}`
  const own = { title: `\`${title}\``, help: helpOf(command) }
  return [own, ...command.commands.flatMap((child) => sections(child, `${title} `))]
}

/** With the examples, which commander prints apart from the help proper. */
function helpOf(command: Command): string {
  let text = ''
  const append = (piece: string) => {
    text += piece
  }
  command.configureOutput({ writeOut: append, getOutHelpWidth: () => 100 })
  command.outputHelp()
  return text
}
