/** The table of settings as documents for people and editors: `docs/config.md`, `.env.example`, the JSON Schema. */
import { SETTING_PATHS, SETTINGS, type Setting } from './settings.ts'
import { configSchema } from './sources.ts'

/** Checked-in file by its path in the project, with the text it must have. */
export function configDocuments(): Readonly<Record<string, string>> {
  return {
    'docs/config.md': markdown(),
    '.env.example': dotEnvExample(),
    'schemas/config.schema.json': jsonSchema(),
  }
}

/** Short lists on one line, as the formatter of this project wants them. */
function jsonSchema(): string {
  const text = JSON.stringify(configSchema(), null, 2)
  const inlined = text.replace(/^(.*)\[\n([^[\]{}]*?)\n\s*\]/gm, (whole, before: string, members: string) => {
    const line = `${before}[${members.trim().replace(/,\n\s*/g, ', ')}]`
    return line.length < 120 ? line : whole
  })
  return `${inlined}\n`
}

function rows(status?: Setting['status']): Setting[] {
  return SETTING_PATHS.map((path): Setting => SETTINGS[path]).filter((row) => row.status === status)
}

function pathOf(row: Setting): string {
  return SETTING_PATHS.find((path) => SETTINGS[path].name === row.name)!
}

function table(settings: readonly Setting[]): string {
  const lines = settings.map((row) => {
    const shown = row.default === '' ? 'empty' : `\`${row.default}\``
    const path = row.environmentOnly ? '(environment only)' : `\`${pathOf(row)}\``
    const secret = row.secret ? ' Secret.' : ''
    return `| \`${row.name}\` | ${path} | ${shown} | ${row.description}${secret} Type: ${row.kind.label}. |`
  })
  return ['| Variable | In the file | Default | Purpose |', '|---|---|---|---|', ...lines].join('\n')
}

function markdown(): string {
  return `# Configuration

<!-- Made by scripts/generate-config-docs.ts from src/config/settings.ts; a test compares them. -->

Every setting has a default that works: \`npm start\` needs none. They are read from, the first that says something wins:

1. the environment,
2. \`./.env\` in the folder where the command is started,
3. the configuration file: \`ARTIFACTSTORE_CONFIG\`, else \`./artifactstore.yaml\` if it exists,
4. the defaults below.

A variable that is set to nothing (\`ARTIFACTSTORE_API_TOKEN=\`) is set: it means "none" where the default is empty, wins over
\`.env\` and the file, and is an error elsewhere. Relative paths, also those in database URLs, are relative to the folder
where the command is started.

Everything is checked together before anything is opened. What is wrong is said in one message, each line with the
name, the value (never a secret's) and what would be right, and the process ends with 78. An \`ARTIFACTSTORE_\` variable that is
no setting is a warning with the nearest known name. \`artifactstore config check\` does only that;
\`artifactstore config show\` prints every setting with its value and where it comes from.

## Secrets

A setting marked secret may be a reference instead of a value: \`env:NAME\` takes it from another variable,
\`file:/path\` from a file without its final line break. Entries of \`ARTIFACTSTORE_AUTH_TOKENS\` may each be one, a named
one as \`ops:file:/run/secrets/ops\`; a file may hold several unnamed entries.

## Tokens

With no token configured and a loopback address the server makes one on its first start, in \`artifactstore.token\` beside
the database (in \`./var\` with PostgreSQL) with mode 0600, says so once, and the client commands find it in the same folder. With no
token and any other address it refuses to start. The client commands take the first of: \`--token\`,
\`ARTIFACTSTORE_API_TOKEN\`, what \`artifactstore login\` keeps for that URL in \`$XDG_CONFIG_HOME/artifactstore/credentials.json\`
(mode 0600), and, for a loopback URL only, that local token file.

## Settings

${table(rows())}

## Known, and not in use yet

These names are the operator guide's. They are checked like the others and have no effect in this version.

${table(rows('reserved'))}

## For tests only

${table(rows('test'))}

## The configuration file

YAML, with the paths of the tables as nested keys; lists may be YAML lists. Its JSON Schema is
\`schemas/config.schema.json\`; an unknown key is an error with its line.

\`\`\`yaml
# yaml-language-server: $schema=schemas/config.schema.json
server:
  port: 8080
auth:
  tokens:
    - ops:file:/run/secrets/ops-token
    - ci:env:CI_STORE_TOKEN
storage:
  local_root: /srv/artifactstore/blobs
  backend_routes:
    - guide-board:release-evidence=local
    - "*:*=local"
\`\`\`

## Variables of others that are read

| Variable | For |
|---|---|
| \`XDG_CONFIG_HOME\` | where \`login\` keeps tokens (else \`~/.config\`) |
| \`XDG_STATE_HOME\` | where a push under way is remembered (else \`~/.local/state\`) |
| \`NO_COLOR\`, \`TERM=dumb\` | no colours |
| \`HOME\` | the folder of the two defaults above, and of Node's compiled code (\`~/.cache/artifactstore\`) |
`
}

function dotEnvExample(): string {
  const block = (row: Setting) => {
    const words = row.description.replaceAll('`', '')
    return `${wrap(words)}\n#${row.name}=${row.default}`
  }
  return `# Copy to .env; every line is optional, and what stands here are the defaults. All about them: docs/config.md
# Made by scripts/generate-config-docs.ts; a test compares them.

${rows().map(block).join('\n\n')}

# --- known, and not in use in this version ---

${rows('reserved').map(block).join('\n\n')}
`
}

function wrap(text: string): string {
  const lines = ['#']
  for (const word of text.split(' ')) {
    if (`${lines.at(-1)} ${word}`.length > 118) lines.push('#')
    lines[lines.length - 1] += ` ${word}`
  }
  return lines.join('\n')
}
