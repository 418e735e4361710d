app-unnamed = Ihre App
close = Sie können diese Seite jetzt schließen.

choose-title = Gerät oder App verbinden
choose-lead = Wählen Sie, woher Ihre Daten kommen. Danach melden Sie sich dort an und entscheiden, was { $app } sehen darf.
choose-search = Nach Namen suchen
    .submit = Suchen
    .all = Alle anzeigen
choose-found =
    { $count ->
        [one] { $count } Treffer
       *[other] { $count } Treffer
    }
choose-nothing = Nichts gefunden für „{ $query }“. Prüfen Sie die Schreibweise oder lassen Sie sich alle anzeigen.
choose-connected = Verbunden
choose-next = So geht es weiter
    .login = Sie melden sich auf der Seite des Anbieters an. { $app } erfährt Ihr Passwort nie.
    .approve = Dort entscheiden Sie, welche Daten { $app } erhalten darf.
    .return = Wenn Sie zurückkommen, steht die Verbindung.
choose-cancel = Abbrechen

notice-connected = { $provider } ist jetzt verbunden.
notice-disconnected = { $provider } ist nicht mehr verbunden.
notice-still-connected = { $provider } konnte nicht getrennt werden. Bitte versuchen Sie es in einigen Minuten erneut.

connected-title = { $provider } ist verbunden
connected-lead = { $app } kann jetzt die Daten empfangen, die Sie freigegeben haben.
connected-left-out = Nicht freigegeben
    .next = Wenn Sie auch dies freigeben möchten, verbinden Sie sich erneut und stimmen Sie dort zu.
    .again = Erneut verbinden
connected-proceed = Weiter zu { $app }
    .unnamed = Weiter zu Ihrer App
connected-another = Weitere verbinden

disconnect-title = { $provider } trennen?
disconnect-lead = { $app } erhält dann keine neuen Daten mehr von { $provider }.
    .kept = Was { $app } bereits erhalten hat, wird dadurch nicht gelöscht.
disconnect-submit = Trennen
    .label = { $provider } trennen
disconnect-keep = Verbunden bleiben

callback-title = Diese Seite gehört zu einer Anmeldung
callback-lead = Ein Anbieter öffnet sie, nachdem Sie sich dort angemeldet haben.
    .next = Hier gibt es jetzt nichts zu tun. Um ein Gerät oder eine App zu verbinden, beginnen Sie in Ihrer App.

failed-cancelled = Sie haben abgebrochen
    .what = Es wurde nichts verbunden, und es wurden keine Daten weitergegeben.
    .next = Sie können in der App jederzeit neu beginnen.
failed-denied = { $provider } wurde nicht verbunden
    .what = Sie haben bei { $provider } den Zugriff nicht erlaubt. Es wurden keine Daten weitergegeben.
    .next = Falls Sie das nicht wollten, versuchen Sie es erneut und erlauben Sie den Zugriff bei { $provider }.
failed-left-out = { $provider } wurde nicht verbunden
    .what = Die App braucht Daten, die Sie bei { $provider } nicht freigegeben haben. Es wurde nichts verbunden.
    .next = Versuchen Sie es erneut und erlauben Sie bei { $provider } alles aus dieser Liste.
failed-expired = Diese Seite ist abgelaufen
    .what = Zu Ihrer Sicherheit gilt der Link zu dieser Seite nur für kurze Zeit.
    .next = Gehen Sie zurück zur App und beginnen Sie dort neu.
failed-already-used = Dieser Link wurde bereits verwendet
    .what = Jeder Link gilt nur einmal.
    .next = Gehen Sie zurück zur App und sehen Sie Ihre Verbindungen an. Fehlt eine, beginnen Sie dort neu.
failed-unknown-session = Dieser Link funktioniert nicht
    .what = Der Link ist unvollständig, falsch geschrieben oder nicht mehr vorhanden.
    .next = Öffnen Sie die App noch einmal und beginnen Sie dort.
failed-cap-reached = Zurzeit keine neuen Verbindungen
    .what = Die App hat die Höchstzahl verbundener Personen erreicht. Es wurde nichts verbunden.
    .next = Sagen Sie dem Support der App Bescheid und versuchen Sie es später erneut.
failed-provider-down = { $provider } antwortet nicht
    .what = Die Verbindung kam nicht zustande, weil { $provider } nicht wie erwartet geantwortet hat.
    .next = Warten Sie einige Minuten und versuchen Sie es dann erneut.
failed-wrong-browser = Bitte bleiben Sie in einem Browser
    .what = Wir konnten nicht bestätigen, dass diese Anmeldung in diesem Browser begonnen wurde.
    .next = Gehen Sie zurück zur App und sehen Sie Ihre Verbindungen an. Fehlt eine, beginnen Sie dort neu, in einem einzigen Browser, der Cookies zulässt.
failed-phone-only = { $provider } verbinden Sie auf dem Smartphone
    .what = { $provider } bewahrt die Daten auf Ihrem Smartphone auf und hat keine Website zum Anmelden.
    .next = Öffnen Sie die App auf Ihrem Smartphone und verbinden Sie { $provider } dort.
failed-no-provider = Noch nichts zu verbinden
    .what = Über diesen Link lässt sich zurzeit kein Gerät und keine App verbinden.
    .next = Gehen Sie zurück zur App und bitten Sie deren Support um Hilfe.
failed-internal = Etwas ist schiefgegangen
    .what = Der Fehler liegt bei uns, nicht bei Ihnen.
    .next = Versuchen Sie es in einigen Minuten erneut. Hilft das nicht, wenden Sie sich an den Support der App.
failed-trace = Kennung für den Support:
failed-open-app = App öffnen
failed-try-again = Erneut versuchen
failed-return = Zurück zu { $app }
    .unnamed = Zurück zu Ihrer App
