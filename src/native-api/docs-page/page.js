// Renders /openapi.json and lets a reader try each operation. Text enters the page as text nodes only, never as markup.
// The token lives in its input field and nowhere else: closing the page forgets it.

const METHODS = ['get', 'post', 'put', 'patch', 'delete']
const PREVIEW_LIMIT = 200_000
const byId = (id) => document.getElementById(id)

function element(name, attributes, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value)
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : value)
  }
  made.append(...children.filter((child) => child !== undefined))
  return made
}

function resolve(api, schema) {
  if (schema?.$ref === undefined) return schema ?? {}
  const path = schema.$ref.slice(2).split('/')
  return path.reduce((at, step) => at[step], api)
}

/** A value of the schema, as a reader would want to see it. */
function sample(api, given, depth = 0) {
  const schema = resolve(api, given)
  if (schema.examples) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf) return sample(api, schema.anyOf[0], depth)
  if (depth > 4) return null
  if (schema.type === 'array') return [sample(api, schema.items, depth + 1)]
  if (schema.type === 'object') {
    const members = Object.entries(schema.properties ?? {})
    return Object.fromEntries(members.map(([name, member]) => [name, sample(api, member, depth + 1)]))
  }
  if (schema.format === 'date-time') return '2026-01-31T12:00:00.000Z'
  if (schema.pattern?.includes('blake3')) return `blake3:${'0'.repeat(64)}`
  return { integer: 0, boolean: true, string: 'text' }[schema.type] ?? null
}

/** What a form or a body should start with: the members that must be there. */
function startingBody(api, given) {
  const schema = resolve(api, given)
  const required = schema.required ?? []
  const members = required.length > 0 ? required : Object.keys(schema.properties ?? {}).slice(0, 0)
  return Object.fromEntries(members.map((name) => [name, sample(api, schema.properties[name])]))
}

function table(rows) {
  return element('table', {}, element('tbody', {}, ...rows))
}

function row(name, note, input) {
  const told = element('td', {}, element('code', {}, name), element('div', { class: 'note' }, note))
  return element('tr', {}, told, element('td', {}, input))
}

function parameterInputs(parameters, inputs) {
  return parameters.map((parameter) => {
    const { name, schema } = parameter
    const isFamily = name.endsWith('<key>')
    const hint = isFamily ? 'key=value' : (schema.enum?.join(' | ') ?? schema.default ?? schema.format ?? '')
    const input = element('input', {
      placeholder: String(hint),
      'aria-label': name,
      spellcheck: 'false',
    })
    inputs.push({ parameter, input, isFamily })
    return row(`${name}${parameter.required ? ' *' : ''}`, `${parameter.in}. ${parameter.description ?? ''}`, input)
  })
}

/** Fields to fill in, and a function that gives the request's body and Content-Type. */
function bodyEditor(api, requestBody) {
  if (requestBody === undefined) return { nodes: [], read: () => ({}) }
  const [mediaType, { schema }] = Object.entries(requestBody.content)[0]
  const title = element('h3', {}, 'Body ', element('code', {}, mediaType))
  if (mediaType === 'multipart/form-data') return formEditor(api, schema, title)
  if (schema === undefined) {
    const file = element('input', { type: 'file', 'aria-label': 'body' })
    const read = () => ({
      body: file.files[0] ?? new Blob([]),
      contentType: mediaType,
    })
    return { nodes: [title, file], read }
  }
  const area = element('textarea', {
    spellcheck: 'false',
    'aria-label': 'body',
  })
  area.value = JSON.stringify(startingBody(api, schema), null, 2)
  const optional = Object.keys(resolve(api, schema).properties ?? {}).join(', ')
  const note = element('p', { class: 'note' }, `Fields: ${optional}`)
  return {
    nodes: [title, area, note],
    read: () => ({ body: area.value, contentType: mediaType }),
  }
}

function formEditor(api, given, title) {
  const fields = Object.entries(resolve(api, given).properties).map(([name, schema]) => {
    const isFile = schema.contentMediaType !== undefined
    const input = element('input', {
      type: isFile ? 'file' : 'text',
      'aria-label': name,
    })
    return { name, input, isFile, note: schema.description ?? '' }
  })
  const read = () => {
    const form = new FormData()
    for (const { name, input, isFile } of fields) {
      if (isFile && input.files[0]) form.append(name, input.files[0])
      if (!isFile && input.value !== '') form.append(name, input.value)
    }
    return { body: form }
  }
  return {
    nodes: [title, table(fields.map(({ name, note, input }) => row(name, note, input)))],
    read,
  }
}

function buildRequest(method, path, inputs, body) {
  const query = new URLSearchParams()
  const headers = new Headers()
  let address = path
  for (const { parameter, input, isFamily } of inputs) {
    const value = input.value
    if (value === '' && parameter.in !== 'path') continue
    if (parameter.in === 'path') address = address.replace(`{${parameter.name}}`, encodeURIComponent(value))
    else if (parameter.in === 'header') headers.set(parameter.name, value)
    else if (isFamily) {
      const [key, ...rest] = value.split('=')
      query.append(parameter.name.replace('<key>', key), rest.join('='))
    } else query.append(parameter.name, value)
  }
  const token = byId('token').value
  if (token !== '') headers.set('Authorization', `Bearer ${token}`)
  if (body.contentType !== undefined) headers.set('Content-Type', body.contentType)
  const text = query.toString()
  return {
    address: text === '' ? address : `${address}?${text}`,
    options: { method: method.toUpperCase(), headers, body: body.body },
  }
}

async function show(output, method, { address, options }) {
  const began = performance.now()
  let answer
  try {
    answer = await fetch(address, options)
  } catch (error) {
    output.replaceChildren(element('p', { class: 'status' }, `No answer: ${error.message}`))
    return
  }
  const bytes = await answer.blob()
  const took = Math.round(performance.now() - began)
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
  output.replaceChildren(
    element('p', { class: 'status' }, `${answer.status} ${answer.statusText} · ${bytes.size} bytes · ${took} ms`),
    element('p', { class: 'note' }, `${method.toUpperCase()} ${address}`),
    element('pre', {}, headers),
    await preview(bytes, answer.headers.get('content-type') ?? ''),
  )
}

async function preview(bytes, type) {
  if (bytes.size === 0) return element('p', { class: 'note' }, 'No body.')
  if (/json|^text\//.test(type) && bytes.size <= PREVIEW_LIMIT) {
    const text = await bytes.text()
    try {
      return element('pre', {}, JSON.stringify(JSON.parse(text), null, 2))
    } catch {
      return element('pre', {}, text)
    }
  }
  return element('a', { href: URL.createObjectURL(bytes), download: 'answer' }, `Save the ${bytes.size} bytes`)
}

function answersTable(api, responses) {
  return table(
    Object.entries(responses).map(([status, response]) => {
      const [mediaType, content] = Object.entries(response.content ?? {})[0] ?? []
      const isSuccess = status < 400 && content?.schema !== undefined
      const example = isSuccess
        ? element(
            'details',
            {},
            element('summary', { class: 'note' }, mediaType),
            element('pre', {}, JSON.stringify(sample(api, content.schema), null, 2)),
          )
        : element('span', { class: 'note' }, mediaType ?? 'no body')
      return row(status, response.description, example)
    }),
  )
}

function operationNode(api, path, method, operation) {
  const inputs = []
  const parameters = parameterInputs(operation.parameters, inputs)
  const editor = bodyEditor(api, operation.requestBody)
  const output = element('div', { 'aria-live': 'polite' })
  const send = element('button', {
    type: 'button',
    onclick: async () => {
      send.disabled = true
      await show(output, method, buildRequest(method, path, inputs, editor.read()))
      send.disabled = false
    },
  })
  send.append('Send')
  return element(
    'details',
    { class: 'operation', id: operation.operationId },
    element(
      'summary',
      {},
      element('span', { class: `method ${method}` }, method),
      element('span', { class: 'path' }, path),
      element('span', { class: 'about' }, operation.summary),
      operation.security.length === 0 ? element('span', { class: 'open' }, 'open') : undefined,
    ),
    element(
      'div',
      { class: 'inside' },
      operation.description ? element('p', {}, operation.description) : undefined,
      ...(parameters.length > 0 ? [element('h3', {}, 'Parameters'), table(parameters)] : []),
      ...editor.nodes,
      send,
      output,
      element('h3', {}, 'Answers'),
      answersTable(api, operation.responses),
    ),
  )
}

function openAddressed() {
  const target = byId(location.hash.slice(1))
  if (target instanceof HTMLDetailsElement) {
    target.open = true
    target.scrollIntoView()
  }
}

function render(api) {
  byId('version').textContent = api.info.version
  byId('summary').textContent = api.info.summary
  const groups = api.tags.map(({ name, description }) => ({
    name,
    description,
    rows: [],
  }))
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((each) => item[each] !== undefined)) {
      const operation = item[method]
      groups.find(({ name }) => name === operation.tags[0])?.rows.push({ path, method, operation })
    }
  }
  for (const { name, description, rows } of groups) {
    const links = rows.map(({ path, method, operation }) =>
      element(
        'a',
        { href: `#${operation.operationId}`, title: operation.summary },
        element('span', { class: `method ${method}` }, method),
        ` ${path}`,
      ),
    )
    byId('index').append(element('h2', {}, name), ...links)
    const nodes = rows.map(({ path, method, operation }) => operationNode(api, path, method, operation))
    byId('operations').append(element('h2', {}, name), element('p', {}, description), ...nodes)
  }
  window.addEventListener('hashchange', openAddressed)
  openAddressed()
}

fetch('/openapi.json')
  .then((answer) => answer.json())
  .then(render)
  .catch((error) => {
    byId('summary').textContent = `The API description could not be read: ${error.message}`
  })
