// What visitors do in the shop. No cookie, nothing kept on the device, nothing sent for who asks not to be tracked.
//   <script src="https://api.shop.example/v1/collect.js" data-channel="web" async></script>
//   qm('add_to_cart', {sku: 'MUG-BLUE', value: {amount: 1999, currency: 'EUR'}})
//   session_id: await qm.session()   for checkout; null where nothing is collected
(() => {
  const { src, dataset } = document.currentScript
  const target = src.replace(/collect\.js.*/, 'collect')
  const silent = navigator.globalPrivacyControl || navigator.doNotTrack === '1'
  const channel = dataset.channel || 'web'
  let queue = [], session = null, sent = Promise.resolve(), timer, page, before = document.referrer

  const id = () => self.crypto?.randomUUID?.() ||
    Date.now().toString(36) + '-' + Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2)

  const body = events => JSON.stringify({ events, channel, session_id: session })

  const post = async events => {
    try { // text/plain by default, which needs no preflight
      const answer = await fetch(target, { method: 'POST', body: body(events), keepalive: true, credentials: 'omit' })
      if (answer.ok) session = (await answer.json()).session_id || session
      else if (answer.status >= 500) throw answer
      else console.warn('collect', answer.status, await answer.text())
    } catch {
      queue = [...events, ...queue].slice(0, 500) // an event counts once by its id, however often it is sent
      timer ||= setTimeout(flush, 30000)
    }
  }

  const flush = () => {
    clearTimeout(timer)
    timer = 0
    sent = sent.then(() => queue.length && post(queue.splice(0, 25)))
    return sent
  }

  const leave = () => {
    while (queue.length) navigator.sendBeacon(target, body(queue.splice(0, 25)))
  }

  const qm = (name, fields) => {
    if (silent) return
    queue.push({
      id: id(), name, at: new Date().toISOString(), url: location.href.slice(0, 2048),
      title: document.title.slice(0, 200), ...fields,
    })
    if (queue.length > 20) flush()
    else timer ||= setTimeout(flush, session ? 2000 : 0) // the first answer brings the visit's id
  }
  qm.session = async () => {
    if (!session) await flush()
    return session
  }

  const view = () => {
    const now = location.href.split('#')[0]
    if (now === page) return
    qm('page_view', { referrer: before.slice(0, 2048) })
    before = page = now
  }
  for (const name of ['pushState', 'replaceState']) {
    const change = history[name]
    history[name] = function () {
      change.apply(this, arguments)
      setTimeout(view) // the page sets its title first
    }
  }
  addEventListener('popstate', () => setTimeout(view))
  addEventListener('pageshow', e => { if (e.persisted) page = 0, view() })
  addEventListener('pagehide', leave)
  document.addEventListener('visibilitychange', () => document.hidden && leave())

  const early = window.qm?.q || []
  window.qm = qm
  view()
  early.forEach(each => qm(...each))
})()
