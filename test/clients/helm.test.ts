/** helm 4 and 3: charts as packages, a version with a plus sign among them, and templates straight from the registry. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientFlow, NOT_ALLOWED } from './client-flow.ts'
import { pageBlock } from './clients-page.ts'

const CHART = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip'

describe.each(['helm4', 'helm3'] as const)('%s', (helm) => {
  let flow: ClientFlow

  beforeAll(async () => {
    flow = await ClientFlow.open({ clients: { helm } })
    writeChart(join(flow.folder, 'chart'))
    // A build number is what a tag cannot spell; two versions are what a range chooses from.
    for (const version of ['1.2.3+build.7', '1.3.0']) await flow.sh(`helm package chart --version ${version}`)
  })
  afterAll(() => flow?.close())

  it('a wrong token is refused at login, and without one nothing is pushed', async () => {
    const login = 'echo wrong | helm registry login localhost:8000 --plain-http -u ci --password-stdin'
    expect(await flow.refused(login)).toMatch(NOT_ALLOWED)
    const push = 'helm push hello-1.3.0.tgz oci://localhost:8000/charts --plain-http'
    expect(await flow.refused(push)).toMatch(NOT_ALLOWED)
    expect(await flow.events('v1.manifest.put')).toEqual([])
  })

  it('a chart is pushed, its plus sign an underscore in the tag, and is a package with the chart as its file', async () => {
    await flow.page('helm', 'login')
    await flow.page('helm', 'push')
    await flow.sh('helm push hello-1.3.0.tgz oci://localhost:8000/charts --plain-http')
    const pushed = await flow.package('charts/hello:1.2.3_build.7')
    expect(pushed).toMatchObject({
      producer: 'charts',
      name: 'hello',
      metadata: {
        'org.opencontainers.image.title': 'hello',
        'org.opencontainers.image.version': '1.2.3+build.7',
      },
    })
    expect(await flow.files('charts/hello:1.2.3_build.7')).toMatchObject([{ media_type: CHART }])
    await flow.sh('artifactstore pull charts/hello:1.2.3_build.7 -o from-cli')
    await flow.sh('cmp from-cli/* hello-1.2.3+build.7.tgz')
  })

  it('a chart is shown and pulled by version and by range', async () => {
    expect(await flow.page('helm', 'show')).toContain('version: 1.2.3+build.7')
    await flow.page('helm', 'pull')
    await flow.sh('cmp pulled/hello-1.2.3+build.7.tgz hello-1.2.3+build.7.tgz')
    await flow.sh("helm pull oci://localhost:8000/charts/hello --version '^1.2' --plain-http -d pulled")
    await flow.sh('cmp pulled/hello-1.3.0.tgz hello-1.3.0.tgz')
    expect(await flow.refused('helm pull oci://localhost:8000/charts/hello --version 9.9.9 --plain-http')).toMatch(
      /not found|404/i,
    )
  })

  it('a template is rendered straight from the registry', async () => {
    expect(await flow.page('helm', 'template')).toContain('greeting: "good morning"')
  })

  it('an installation is tried without a cluster, which helm 3 asks for all the same', async () => {
    // Nobody listens on this port, also where a cluster is near.
    const env = { HELM_KUBEAPISERVER: 'http://127.0.0.1:1' }
    const { code, stdout, stderr } = await flow.ran(pageBlock('helm', 'install'), { env })
    if (helm === 'helm4') expect([code, stdout]).toEqual([0, expect.stringMatching(/Dry run complete[\s\S]*"hello"/)])
    else expect(stderr).toMatch(/^Pulled: [\s\S]*Kubernetes cluster unreachable/)
  })

  it('after logout the chart is out of reach', async () => {
    await flow.sh('helm registry logout localhost:8000')
    await flow.refused('helm show chart oci://localhost:8000/charts/hello --version 1.3.0 --plain-http')
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})

function writeChart(folder: string): void {
  mkdirSync(join(folder, 'templates'), { recursive: true })
  writeFileSync(join(folder, 'Chart.yaml'), 'apiVersion: v2\nname: hello\nversion: 0.1.0\ndescription: says hello\n')
  writeFileSync(join(folder, 'values.yaml'), 'greeting: hello\n')
  const template = [
    'apiVersion: v1',
    'kind: ConfigMap',
    'metadata:',
    '  name: {{ .Release.Name }}-hello',
    'data:',
    '  greeting: {{ .Values.greeting | quote }}',
  ]
  writeFileSync(join(folder, 'templates', 'config.yaml'), `${template.join('\n')}\n`)
}
