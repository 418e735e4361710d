app-unnamed = la tua app
close = Ora puoi chiudere questa pagina.

choose-title = Collega un dispositivo o un’app
choose-lead = Scegli da dove arrivano i tuoi dati. Poi accedi lì e decidi che cosa può vedere { $app }.
choose-search = Cerca per nome
    .submit = Cerca
    .all = Mostra tutto
choose-found =
    { $count ->
        [one] { $count } risultato
       *[other] { $count } risultati
    }
choose-nothing = Nessun risultato per «{ $query }». Controlla come è scritto o mostra tutto l’elenco.
choose-connected = Collegato
choose-next = Che cosa succede dopo
    .login = Accedi sulla pagina del fornitore. { $app } non vede mai la tua password.
    .approve = Lì decidi quali dati può ricevere { $app }.
    .return = Al ritorno, il collegamento è pronto.
choose-cancel = Annulla

notice-connected = { $provider } ora è collegato.
notice-disconnected = { $provider } non è più collegato.
notice-still-connected = Non è stato possibile scollegare { $provider }. Riprova tra qualche minuto.

connected-title = { $provider } è collegato
connected-lead = { $app } ora può ricevere i dati che hai autorizzato.
connected-left-out = Non condiviso
    .next = Se vuoi condividere anche questo, collegati di nuovo e autorizzalo.
    .again = Collega di nuovo
connected-proceed = Continua su { $app }
    .unnamed = Continua sulla tua app
connected-another = Collega altro

disconnect-title = Scollegare { $provider }?
disconnect-lead = { $app } non riceverà più nuovi dati da { $provider }.
    .kept = I dati che { $app } ha già ricevuto non vengono eliminati.
disconnect-submit = Scollega
    .label = Scollega { $provider }
disconnect-keep = Resta collegato

callback-title = Questa pagina fa parte di un accesso
callback-lead = Un fornitore la apre dopo che hai effettuato l’accesso da lui.
    .next = Ora qui non c’è nulla da fare. Per collegare un dispositivo o un’app, inizia dalla tua app.

failed-cancelled = Hai annullato
    .what = Non è stato collegato nulla e nessun dato è stato condiviso.
    .next = Puoi ricominciare dall’app quando vuoi.
failed-denied = { $provider } non è stato collegato
    .what = Non hai consentito l’accesso su { $provider }, quindi nessun dato è stato condiviso.
    .next = Se non era quello che volevi, riprova e consenti l’accesso su { $provider }.
failed-left-out = { $provider } non è stato collegato
    .what = L’app ha bisogno di dati che non hai consentito su { $provider }. Non è stato collegato nulla.
    .next = Riprova e consenti su { $provider } tutto ciò che è in questo elenco.
failed-expired = Questa pagina è scaduta
    .what = Per la tua sicurezza, il link a questa pagina funziona solo per poco tempo.
    .next = Torna all’app e ricomincia da lì.
failed-already-used = Questo link è già stato usato
    .what = Un link vale una volta sola.
    .next = Torna all’app e controlla i tuoi collegamenti. Se ne manca uno, ricomincia da lì.
failed-unknown-session = Questo link non funziona
    .what = Il link è incompleto, scritto male o non esiste più.
    .next = Apri di nuovo l’app e ricomincia da lì.
failed-cap-reached = Per ora nessun nuovo collegamento
    .what = L’app ha raggiunto il limite di utenti collegati. Non è stato collegato nulla.
    .next = Avvisa l’assistenza dell’app e riprova più tardi.
failed-provider-down = { $provider } non risponde
    .what = Il collegamento non è stato completato perché { $provider } non ha risposto come previsto.
    .next = Aspetta qualche minuto, poi riprova.
failed-wrong-browser = Usa un solo browser dall’inizio alla fine
    .what = Non abbiamo potuto confermare che questo accesso sia iniziato in questo browser.
    .next = Torna all’app e controlla i tuoi collegamenti. Se ne manca uno, ricomincia da lì in un solo browser, con i cookie consentiti.
failed-phone-only = { $provider } si collega dal telefono
    .what = { $provider } conserva i dati sul tuo telefono e non ha un sito su cui accedere.
    .next = Apri l’app sul telefono e collega { $provider } da lì.
failed-no-provider = Ancora nulla da collegare
    .what = Al momento con questo link non si può collegare nessun dispositivo e nessuna app.
    .next = Torna all’app e chiedi aiuto alla sua assistenza.
failed-internal = Qualcosa è andato storto
    .what = Il problema è nostro, non tuo.
    .next = Riprova tra qualche minuto. Se non funziona ancora, contatta l’assistenza dell’app.
failed-trace = Riferimento per l’assistenza:
failed-open-app = Apri l’app
failed-try-again = Riprova
failed-return = Torna a { $app }
    .unnamed = Torna alla tua app
